import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  ActorSystem,
  GenServer,
  Registry,
  type Self,
  type ServerRef,
  spawn,
  startServer,
} from '../../src/actors/index.ts';
import { createLogger } from '../../src/base/logger.ts';
import { VirtualClock } from '../../src/sim/index.ts';
import { Supervisor } from '../../src/supervisor/index.ts';

const SECRET = 'hunter2';

interface VaultProtocol {
  call: { wait(word: string): never };
  cast: { take(word: string): void };
}

/** Keeps a secret in its state, answers nothing, and is busy for ever. */
class Vault extends GenServer<{ secret: string }, VaultProtocol, [secret: string]> {
  init(secret: string): { secret: string } {
    return { secret };
  }
  override readonly handleCall = this.calls({
    wait: (_, __, from) => {
      asked = from;
      return new Promise<never>(() => {});
    },
  });
  override readonly handleCast = this.casts({ take: (_, state) => ({ type: 'noreply', state }) as never });
}

const lines: string[] = [];
let asked: unknown;
let system: ActorSystem;
let vault: ServerRef<VaultProtocol>;

beforeEach(async () => {
  lines.length = 0;
  asked = undefined;
  const clock = new VirtualClock();
  system = new ActorSystem({ clock, logger: createLogger({ write: (line) => lines.push(line), clock }) });
  vault = await startServer(Vault, [SECRET], { system });
  // One call is served for ever, one message of each kind waits behind it.
  vault.call('wait', SECRET).catch(() => {});
  vault.call('wait', SECRET).catch(() => {});
  vault.cast('take', SECRET);
});

/** Every way in which a program might print `value` by accident. */
function printed(value: unknown): string[] {
  return [
    inspect(value, { depth: 20, getters: true }),
    inspect({ nested: [value] }, { depth: 20 }),
    JSON.stringify({ value }),
    String(value),
    `${value}`,
  ];
}

function keepsTheSecret(value: unknown): void {
  for (const text of printed(value)) expect(text).not.toContain(SECRET);
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as Error;
}

describe('what a process prints as', () => {
  test('a ref is its module and id, in text, in JSON and on the console', () => {
    expect(String(vault)).toBe(`Vault<${vault.id}>`);
    expect(inspect({ vault })).toBe(`{ vault: Vault<${vault.id}> }`);
    expect(JSON.stringify({ vault })).toBe(`{"vault":"Vault<${vault.id}>"}`);
    keepsTheSecret(vault);
  });

  test('a name does not take the place of the module and id, which are those of one process only', async () => {
    const named = await startServer(Vault, [SECRET], { system, name: 'vault' });
    expect(named.label).toBe('vault');
    expect(String(named)).toBe(`Vault<${named.id}>`);
  });

  test('a spawned function shows its name and id', () => {
    const pid = spawn(
      async function worker(self) {
        await self.receive();
      },
      { system },
    );
    expect(inspect(pid)).toBe(`worker<${pid.id}>`);
  });

  test('a start error that has the owner of the name as its reason shows neither state nor mailbox', async () => {
    system.register('vault', vault);
    const error = await errorOf(startServer(Vault, [SECRET], { system, name: 'vault' }));
    expect(error.message).toBe(`name vault is taken by Vault<${vault.id}>`);
    expect(inspect(error)).toContain(`reason: Vault<${vault.id}>`);
    keepsTheSecret(error);
  });

  test('a monitor, an alias and a timer show pids and times only', async () => {
    const shown = await new Promise<unknown[]>((resolve) => {
      spawn((self: Self) => resolve([self.monitor(vault), self.alias(), self.sendAfter(SECRET, 1000, vault)]), {
        system,
      });
    });
    expect(inspect(shown[0])).toContain(`Vault<${vault.id}>`);
    expect(inspect(shown[2])).toBe('Timer<1000>');
    for (const value of shown) keepsTheSecret(value);
  });

  test('what a call handler answers by shows who asked, and not what', async () => {
    await expect.poll(() => asked).toBeDefined();
    expect(inspect(asked)).toBe('From<undefined>');
    keepsTheSecret(asked);
  });

  test('a system shows nothing of its processes', () => {
    keepsTheSecret(system);
  });

  test('the handles of a supervisor and of a registry show nothing of what they hold', async () => {
    const registry = await Registry.startLink<string, string>({ system });
    registry.register('key', vault, SECRET);
    const supervisor = await Supervisor.startLink([Vault.childSpec('vault', [SECRET])], {
      strategy: 'one_for_one',
      system,
    });
    for (const handle of [registry, supervisor]) keepsTheSecret(handle);
    await supervisor.stop();
  });
});

describe('the log of a child whose name is taken', () => {
  const startTwo = (name: () => NonNullable<Parameters<typeof startServer>[2]>['name']): Promise<Error> => {
    const spec = (id: string) => ({
      id,
      start: () => startServer(Vault, [SECRET], { system, ...{ name: name() as string } }),
    });
    return errorOf(Supervisor.startLink([spec('one'), spec('two')], { strategy: 'one_for_one', system }));
  };

  test('says which name and whose', async () => {
    const error = await startTwo(() => 'x');
    expect(error.message).toContain('name x is taken by Vault<');
    const line = lines.find((text) => text.includes('start error'));
    expect(line).toMatch(/reason="ALREADY_STARTED: name x is taken by Vault<\d+>"/);
  });

  test('says it of a name kept by a registry too', async () => {
    const registry = await Registry.startLink<string>({ system });
    const via = registry.via('x');
    await startTwo(() => via);
    const line = lines.find((text) => text.includes('start error'));
    expect(line).toMatch(/reason="ALREADY_STARTED: name Registry<\d+>:x is taken by Vault<\d+>"/);
    expect(lines.join('\n')).not.toContain('[object Object]');
  });
});
