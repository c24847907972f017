import { describe, expect, it } from 'vitest';
import {
  createLogger,
  guardLogger,
  LOG_FIELD_CHARS_MAX,
  LOG_LEVELS,
  type Logger,
  type LogLevel,
  silentLogger,
} from '../../src/base/logger.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

function linesAt(level?: LogLevel): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const options = { write: (line: string) => void lines.push(line), clock: new VirtualClock() };
  return { lines, log: createLogger(level === undefined ? options : { ...options, level }) };
}

describe('createLogger', () => {
  it('writes time, level, message and fields in one line', () => {
    const { lines, log } = linesAt();
    log.warn('peer lost', { remote: 'tcp://h:1', tries: 3, why: new Error('no route'), nothing: undefined });
    expect(lines).toEqual(['2026-01-01T00:00:00.000Z warn  peer lost remote=tcp://h:1 tries=3 why="Error: no route"']);
  });

  it.each(LOG_LEVELS)('passes its level %s and what is graver', (level) => {
    const { lines, log } = linesAt(level);
    for (const name of ['debug', 'info', 'warn', 'error'] as const) log[name](name);
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level), -1));
  });

  it('lets no text from outside begin a line of its own or drive the terminal', () => {
    const { lines, log } = linesAt();
    log.info('a\nb\u001b[2J', { peer: 'x\r\nforged' });
    expect(lines).toHaveLength(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is left is what is tested
    expect(lines[0]).not.toMatch(/[\u0000-\u001f]/);
  });

  it('cuts long fields', () => {
    const { lines, log } = linesAt();
    log.info('m', { f: 'x'.repeat(LOG_FIELD_CHARS_MAX + 1) });
    expect(lines[0]?.endsWith(`${'x'.repeat(LOG_FIELD_CHARS_MAX - 1)}…`)).toBe(true);
  });

  it('survives a sink that throws', () => {
    const log = createLogger({
      write: () => {
        throw new Error('disk full');
      },
      clock: new VirtualClock(),
    });
    expect(() => log.error('x')).not.toThrow();
  });

  it('is silent by default', () => {
    expect(silentLogger.error('x')).toBeUndefined();
  });
});

describe('guardLogger', () => {
  const levels = ['debug', 'info', 'warn', 'error'] as const;

  it.each(levels)('passes %s on, with this and its fields', (level) => {
    const calls: unknown[] = [];
    class Foreign implements Logger {
      debug = this.#at('debug');
      info = this.#at('info');
      warn = this.#at('warn');
      error = this.#at('error');
      #at(own: string): Logger['info'] {
        return function (this: unknown, message, fields) {
          calls.push([own, message, fields, this instanceof Foreign]);
        };
      }
    }
    guardLogger(new Foreign())[level]('m', { a: 1 });
    expect(calls).toEqual([[level, 'm', { a: 1 }, true]]);
  });

  it.each(levels)('survives %s that throws', (level) => {
    const fail = (): never => {
      throw new Error('disk full');
    };
    expect(guardLogger({ debug: fail, info: fail, warn: fail, error: fail })[level]('m')).toBeUndefined();
  });

  it('survives a logger that rejects', async () => {
    let handled = 0;
    const fail = (): Promise<void> => {
      const failure = Promise.reject(new Error('disk full'));
      const own = failure.catch.bind(failure);
      failure.catch = (handler) => {
        handled += 1;
        return own(handler);
      };
      return failure;
    };
    guardLogger({ debug: fail, info: fail, warn: fail, error: fail }).error('m');
    expect(handled).toBe(1);
  });

  it('guards once, and leaves the silent logger as it is', () => {
    const once = guardLogger({ ...silentLogger });
    expect(guardLogger(once)).toBe(once);
    expect(guardLogger(silentLogger)).toBe(silentLogger);
  });

  it.each([undefined, null, 3, {}, { debug: () => {}, info: () => {}, warn: () => {} }])(
    'refuses %j with a TypeError that names the option',
    (given) => {
      expect(() => guardLogger(given as unknown as Logger)).toThrow(TypeError);
      expect(() => guardLogger(given as unknown as Logger)).toThrow(/^option logger is not a Logger/);
    },
  );
});
