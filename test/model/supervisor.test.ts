/** Supervisors against a small model: whatever is started, killed, stopped and let pass, both end in the same state. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exit, type Pid } from '../../src/actors/process.ts';
import { DynamicSupervisor } from '../../src/supervisor/dynamic-supervisor.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { STRATEGIES, type Strategy } from '../../src/supervisor/supervisor-server.ts';
import { Script, World } from '../otp/world.ts';

type Restart = 'permanent' | 'transient' | 'temporary';
interface ModelChild {
  readonly id: string;
  readonly restart: Restart;
  /** Counts its starts; `undefined` while it does not run. */
  incarnation: number | undefined;
}

/** What a supervisor does, in forty lines. */
class Model {
  children: ModelChild[] = [];
  isAlive = true;
  readonly restartSeconds: number[] = [];
  nextIncarnation = 0;
  readonly strategy: Strategy;
  readonly maxRestarts: number;
  readonly maxSeconds: number;

  constructor(strategy: Strategy, maxRestarts: number, maxSeconds: number) {
    this.strategy = strategy;
    this.maxRestarts = maxRestarts;
    this.maxSeconds = maxSeconds;
  }

  start(id: string, restart: Restart): string {
    const present = this.children.find((child) => child.id === id);
    if (present !== undefined) return present.incarnation === undefined ? 'ALREADY_PRESENT' : 'CHILD_RUNNING';
    this.children.push({ id, restart, incarnation: this.nextIncarnation++ });
    return 'ok';
  }

  end(id: string, isClean: boolean, nowMs: number): void {
    const child = this.children.find((candidate) => candidate.id === id) as ModelChild;
    child.incarnation = undefined;
    const isRestarted = child.restart === 'permanent' || (child.restart === 'transient' && !isClean);
    if (!isRestarted) {
      if (child.restart === 'temporary') this.children = this.children.filter((other) => other !== child);
      return;
    }
    const second = Math.floor(nowMs / 1000);
    this.restartSeconds.push(second);
    if (this.restartSeconds.filter((past) => past >= second - this.maxSeconds).length > this.maxRestarts) {
      this.isAlive = false;
      return;
    }
    const index = this.children.indexOf(child);
    const from = this.strategy === 'one_for_all' ? 0 : index;
    const to = this.strategy === 'one_for_one' ? index + 1 : this.children.length;
    this.children = this.children.filter((other, i) => i < from || i >= to || other.restart !== 'temporary');
    for (let i = from; i < Math.min(to, this.children.length); i += 1) {
      (this.children[i] as ModelChild).incarnation = this.nextIncarnation++;
    }
  }
}

const ids = ['a', 'b', 'c', 'd'] as const;
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      id: fc.constantFrom(...ids),
      restart: fc.constantFrom<Restart>('permanent', 'transient', 'temporary'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      id: fc.constantFrom(...ids),
      reason: fc.constantFrom('kill', 'boom', 'shutdown', 'normal'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('terminate' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), id: fc.constantFrom(...ids) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(3000) }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** Real incarnations in the order they were first seen, so that a restart shows as a new one. */
class Incarnations {
  readonly #seen = new Map<Pid, number>();

  of(pid: Pid | undefined): number | undefined {
    if (pid === undefined) return undefined;
    if (!this.#seen.has(pid)) this.#seen.set(pid, this.#seen.size);
    return this.#seen.get(pid);
  }
}

async function codeOf(outcome: Promise<unknown>): Promise<string> {
  try {
    await outcome;
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** A pid that has the same age as another, in both worlds: compares which children are the same as before. */
function sameAs(previous: readonly (number | undefined)[], next: readonly (number | undefined)[]): boolean[] {
  return next.map((incarnation, i) => incarnation !== undefined && incarnation === previous[i]);
}

async function run(world: World, sup: Supervisor, model: Model, step: Command): Promise<void> {
  const info = (id: string): Pid | undefined => sup.whichChildren().find((row) => row.id === id)?.pid;
  const child = 'id' in step ? model.children.find((candidate) => candidate.id === step.id) : undefined;
  switch (step.kind) {
    case 'start': {
      const spec = Script.childSpec(step.id, [{}], { restart: step.restart });
      expect(await codeOf(world.drive(sup.startChild(spec)))).toBe(model.start(step.id, step.restart));
      return;
    }
    case 'end': {
      if (child?.incarnation === undefined) return;
      const pid = info(step.id) as Pid & { stop(reason: unknown): Promise<void> };
      if (step.reason === 'kill') exit(pid, 'kill');
      else await world.drive(pid.stop(step.reason));
      await world.settle();
      model.end(step.id, step.reason === 'shutdown' || step.reason === 'normal', world.nowMs);
      return;
    }
    case 'terminate': {
      expect(await codeOf(world.drive(sup.terminateChild(step.id)))).toBe(child === undefined ? 'NOT_FOUND' : 'ok');
      if (child?.restart === 'temporary') model.children = model.children.filter((other) => other !== child);
      else if (child !== undefined) child.incarnation = undefined;
      return;
    }
    case 'restart': {
      const expected = child === undefined ? 'NOT_FOUND' : child.incarnation === undefined ? 'ok' : 'CHILD_RUNNING';
      expect(await codeOf(world.drive(sup.restartChild(step.id)))).toBe(expected);
      if (child !== undefined && expected === 'ok') child.incarnation = model.nextIncarnation++;
      return;
    }
    case 'delete': {
      const expected = child === undefined ? 'NOT_FOUND' : child.incarnation === undefined ? 'ok' : 'CHILD_RUNNING';
      expect(await codeOf(world.drive(sup.deleteChild(step.id)))).toBe(expected);
      if (expected === 'ok') model.children = model.children.filter((other) => other !== child);
      return;
    }
    case 'pass':
      await world.advance(step.ms);
  }
}

for (const strategy of STRATEGIES) {
  for (const isSeeded of [false, true]) {
    test(`a ${strategy} supervisor does as its model${isSeeded ? ', in any order of processes' : ''}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(command, { maxLength: 40 }),
          fc.integer({ min: 0, max: 4 }),
          fc.integer({ min: 1, max: 5 }),
          fc.nat(),
          async (steps, maxRestarts, maxSeconds, seed) => {
            const world = new World(isSeeded ? seed : undefined);
            const model = new Model(strategy, maxRestarts, maxSeconds);
            const options = { strategy, maxRestarts, maxSeconds, system: world.system };
            const sup = (await world.drive(Supervisor.startLink([], options))) as unknown as Supervisor;
            const real = new Incarnations();
            let before: { real: (number | undefined)[]; model: (number | undefined)[]; ids: string[] } = {
              real: [],
              model: [],
              ids: [],
            };
            for (const step of steps) {
              await run(world, sup, model, step);
              expect(sup.pid.isAlive).toBe(model.isAlive);
              if (!model.isAlive) {
                expect(world.system.processCount).toBe(0);
                return;
              }
              const rows = sup.whichChildren();
              const now = {
                real: rows.map((row) => real.of(row.pid)),
                model: model.children.map((child) => child.incarnation),
                ids: rows.map((row) => row.id),
              };
              expect(now.ids).toEqual(model.children.map((child) => child.id));
              expect(now.real.map((one) => one === undefined)).toEqual(now.model.map((one) => one === undefined));
              if (now.ids.join() === before.ids.join()) {
                expect(sameAs(before.real, now.real)).toEqual(sameAs(before.model, now.model));
              }
              before = now;
            }
            await world.drive(sup.stop());
            expect(world.system.processCount).toBe(0);
            expect(world.test.clock.timerCount).toBe(0);
          },
        ),
        { numRuns: 80 },
      );
    });
  }
}

const dynamicCommand = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      restart: fc.constantFrom<Restart>('permanent', 'transient', 'temporary'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('kill' as const), index: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('terminate' as const), index: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(3000) }) },
);

test('a dynamic supervisor has as many children as its model', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(dynamicCommand, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(),
      async (steps, maxChildren, seed) => {
        const world = new World(seed);
        const sup = await world.drive(
          DynamicSupervisor.startLink({ system: world.system, maxChildren, maxRestarts: 1_000_000 }),
        );
        let count = 0;
        const restartOf = new Map<Pid, Restart>();
        for (const step of steps) {
          const rows = sup.whichChildren();
          if (step.kind === 'start') {
            const spec = Script.childSpec('x', [{}], { restart: step.restart });
            const started = world.drive(sup.startChild(spec));
            started.then((pid) => restartOf.set(pid, step.restart)).catch(() => {});
            expect(await codeOf(started)).toBe(count < maxChildren ? 'ok' : 'MAX_CHILDREN');
            if (count < maxChildren) count += 1;
          } else if (step.kind === 'pass') await world.advance(step.ms);
          else if (rows.length > 0) {
            const pid = rows[step.index % rows.length]?.pid as Pid;
            const restart = restartOf.get(pid) as Restart;
            if (step.kind === 'terminate') await world.drive(sup.terminateChild(pid));
            else {
              exit(pid, 'kill');
              await world.settle();
            }
            if (step.kind === 'terminate' || restart === 'temporary') count -= 1;
            else {
              const added = sup.whichChildren().find((row) => !rows.some((old) => old.pid === row.pid));
              restartOf.set(added?.pid as Pid, restart);
            }
          }
          expect(sup.countChildren()).toMatchObject({ specs: count, active: count });
          expect(world.system.processCount).toBe(count + 1);
        }
        await world.drive(sup.stop());
        expect(world.system.processCount).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});
