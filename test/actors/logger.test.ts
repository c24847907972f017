/** A logger comes from outside and can fail; the processes of its system must not notice. */
import { describe, expect, test, vi } from 'vitest';
import { GenServer, startServer } from '../../src/actors/gen-server.ts';
import { asProcess, send } from '../../src/actors/process.ts';
import { reply } from '../../src/actors/results.ts';
import { spawn } from '../../src/actors/spawn.ts';
import { ActorSystem } from '../../src/actors/system.ts';
import type { Logger } from '../../src/base/logger.ts';
import { Telemetry } from '../../src/base/telemetry.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';

interface EchoProtocol {
  call: { echo(text: string): string };
}

class Echo extends GenServer<null, EchoProtocol> {
  init(): null {
    return null;
  }

  override handleCall = this.calls({ echo: (text, state) => reply(text, state) });
}

function failingLogger(): { logger: Logger; calls: string[] } {
  const calls: string[] = [];
  const at = (level: string) => (message: string) => {
    calls.push(`${level} ${message}`);
    throw new Error('disk full');
  };
  return { calls, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

describe('a logger that throws', () => {
  test('ends no process: not the one it reports on, and none beside it', async () => {
    const { logger, calls } = failingLogger();
    const clock = new VirtualClock();
    const system = new ActorSystem({ clock, logger });
    const started = startServer(Echo, [], { system });
    await clock.settle();
    const echo = await started;
    send(echo, 'nobody expects this');
    const crashing = spawn(
      () => {
        throw new Error('crash');
      },
      { system },
    );
    await clock.settle();
    expect(calls.length).toBeGreaterThan(0);
    expect(asProcess(crashing).exitReason).toBeInstanceOf(Error);
    const answer = echo.call('echo', 'still here');
    await clock.settle();
    expect(await answer).toBe('still here');
  });

  test('does not reach whoever emits a telemetry event', () => {
    const { logger, calls } = failingLogger();
    const telemetry = new Telemetry(logger);
    telemetry.attach('bad', '', () => {
      throw new Error('handler');
    });
    telemetry.emit('x');
    expect(calls).toEqual(['error telemetry handler failed and was detached']);
  });

  test('that lacks a method is refused at the door', () => {
    const logger = { info: () => {} } as unknown as Logger;
    expect(() => new ActorSystem({ logger })).toThrow(
      new TypeError('option logger is not a Logger: it has no method debug'),
    );
  });
});

interface FragileProtocol {
  call: { get(): number };
  cast: { boom(): void };
}

class Fragile extends GenServer<number, FragileProtocol> {
  init(): number {
    return 1;
  }

  override handleCall = this.calls({ get: (_, state) => reply(state, state) });
  override handleCast = this.casts({
    boom: () => {
      throw new Error('a fuse blew');
    },
  });
}

describe('a program that names no system', () => {
  test('reads on the error console why a child ended and was restarted, and nothing while all is well', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    try {
      const supervisor = await Supervisor.startLink([Fragile.childSpec('fuse', [])], { strategy: 'one_for_one' });
      expect(await supervisor.child('fuse').call('get')).toBe(1);
      expect(printed).not.toHaveBeenCalled();
      supervisor.child('fuse').cast('boom');
      await expect(supervisor.child('fuse').call('get')).rejects.toMatchObject({ code: 'EXIT' });
      expect(await supervisor.child('fuse').call('get')).toBe(1);
      const lines = printed.mock.calls.map(([line]) => String(line));
      expect(lines.find((line) => line.includes(' error ') && line.includes('terminating'))).toContain('a fuse blew');
      expect(lines.find((line) => line.includes(' warn ') && line.includes('child=fuse'))).toContain('a fuse blew');
      await supervisor.stop();
      expect(printed).toHaveBeenCalledTimes(lines.length);
    } finally {
      printed.mockRestore();
    }
  });
});
