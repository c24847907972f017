/** NodeMailbox against a slow obvious twin: random calls, replies, ends, aborts and time, and both must agree on every call. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ok, Ping } from '../../src/codec/archethic-node-messages.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { type MailboxRig, mailboxRig, type RecordedLink } from '../p2p/mailbox-rig.ts';
import { type Outcome, outcomeOf } from '../p2p/node-rig.ts';

const MAX_IN_FLIGHT = 3;
const CAPACITY = 5;
const FIRST_ID = 2 ** 32 - 4;
/** Two kinds of patience that never run out at the same moment: steps of time are even. */
const TIMEOUTS_MS = [80, 181] as const;
const STEP_MS = 2;

type Command =
  | { readonly kind: 'call'; readonly patience: 0 | 1 }
  | { readonly kind: 'reply' | 'undecodable'; readonly pick: number }
  | { readonly kind: 'stray'; readonly id: number }
  | { readonly kind: 'abort'; readonly pick: number }
  | { readonly kind: 'connect' | 'close' }
  | { readonly kind: 'advance'; readonly ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('call' as const), patience: fc.constantFrom(0 as const, 1 as const) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('reply' as const), pick: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('undecodable' as const), pick: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stray' as const), id: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('connect' as const, 'close' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }) },
);

interface ModelCall {
  readonly index: number;
  readonly deadlineMs: number;
  state: 'queued' | 'sent' | 'over';
  id: number;
  end: string | undefined;
}

/** What should happen, said plainly. */
class Model {
  readonly calls: ModelCall[] = [];
  readonly sentIds: number[] = [];
  isConnected = false;
  lateReplies = 0;
  nowMs = 0;
  #nextId = FIRST_ID;

  get queued(): ModelCall[] {
    return this.calls.filter((call) => call.state === 'queued');
  }

  get sent(): ModelCall[] {
    return this.calls.filter((call) => call.state === 'sent').sort((a, b) => a.index - b.index);
  }

  get open(): ModelCall[] {
    return this.calls.filter((call) => call.state !== 'over');
  }

  call(timeoutMs: number): void {
    const call: ModelCall = {
      index: this.calls.length,
      deadlineMs: this.nowMs + timeoutMs,
      state: 'queued',
      id: -1,
      end: undefined,
    };
    const isFull = this.queued.length >= CAPACITY;
    this.calls.push(call);
    if (isFull) this.end(call, 'QUEUE_FULL');
    this.pump();
  }

  end(call: ModelCall, how: string): void {
    call.state = 'over';
    call.end = how;
  }

  pump(): void {
    while (this.isConnected && this.sent.length < MAX_IN_FLIGHT) {
      const call = this.queued[0];
      if (call === undefined) return;
      while (this.sent.some((other) => other.id === this.#nextId)) this.#nextId = (this.#nextId + 1) % 2 ** 32;
      call.state = 'sent';
      call.id = this.#nextId;
      this.sentIds.push(call.id);
      this.#nextId = (this.#nextId + 1) % 2 ** 32;
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.open.sort((a, b) => a.deadlineMs - b.deadlineMs)[0];
      if (next === undefined || next.deadlineMs > untilMs) break;
      this.nowMs = next.deadlineMs;
      for (const call of this.open) if (call.deadlineMs === this.nowMs) this.end(call, 'TIMEOUT');
      this.pump();
    }
    this.nowMs = untilMs;
  }
}

/** The real thing, driven by the same commands. */
class Run {
  readonly rig: MailboxRig;
  readonly model = new Model();
  readonly outcomes: Outcome<unknown>[] = [];
  readonly #aborters: AbortController[] = [];
  readonly #ids: number[] = [];
  #link: RecordedLink | undefined;

  constructor(rig: MailboxRig) {
    this.rig = rig;
  }

  async do(command: Command): Promise<void> {
    const { rig, model } = this;
    switch (command.kind) {
      case 'call': {
        const timeoutMs = TIMEOUTS_MS[command.patience];
        const aborter = new AbortController();
        this.#aborters.push(aborter);
        this.outcomes.push(outcomeOf(rig.remote.call(Ping, {}, { timeoutMs, signal: aborter.signal })));
        model.call(timeoutMs);
        break;
      }
      case 'reply':
      case 'undecodable': {
        const call = model.sent[command.pick % Math.max(1, model.sent.length)];
        if (call === undefined) return;
        if (command.kind === 'reply') rig.reply(call.id, Ok.of({}));
        else rig.mailbox.cast('undecodable', { messageId: call.id, error: new CodecError('TRUNCATED', 'short') });
        model.end(call, command.kind === 'reply' ? 'Ok' : 'BAD_REPLY');
        // An undecodable reply ends the connection a moment later, which is when the queue moves.
        if (command.kind === 'reply') model.pump();
        else await this.do({ kind: 'close' });
        break;
      }
      case 'stray':
        if (model.sent.some((call) => call.id === command.id)) return;
        rig.reply(command.id, Ok.of({}));
        model.lateReplies += 1;
        break;
      case 'abort': {
        const call = model.open[command.pick % Math.max(1, model.open.length)];
        if (call === undefined) return;
        this.#aborters[call.index]?.abort();
        model.end(call, 'ABORTED');
        model.pump();
        break;
      }
      case 'connect':
        if (this.#link !== undefined) return;
        this.#link = rig.connect();
        model.isConnected = true;
        model.pump();
        break;
      case 'close':
        if (this.#link === undefined) return;
        this.#ids.push(...this.#link.ids);
        rig.disconnect(this.#link);
        this.#link = undefined;
        model.isConnected = false;
        for (const call of model.sent) model.end(call, 'CLOSED');
        break;
      case 'advance':
        await rig.clock.advance(command.ms * STEP_MS);
        model.advance(command.ms * STEP_MS);
        break;
    }
    await rig.clock.settle();
  }

  check(): void {
    const { rig, model } = this;
    const ends = this.outcomes.map((outcome) => outcome.code ?? (outcome.value as { name: string } | undefined)?.name);
    expect(ends).toEqual(model.calls.map((call) => call.end));
    for (const outcome of this.outcomes) expect(outcome.count).toBeLessThanOrEqual(1);
    expect([...this.#ids, ...(this.#link?.ids ?? [])]).toEqual(model.sentIds);
    expect(rig.counters).toMatchObject({
      queueLength: model.queued.length,
      inFlight: model.sent.length,
      lateReplies: model.lateReplies,
      sent: model.sentIds.length,
    });
    expect([...rig.state().inFlight.keys()].sort()).toEqual(model.sent.map((call) => call.id).sort());
    const count = model.queued.length;
    expect(rig.counters.waiting).toMatchObject({ count, bytes: count * Ping.encode({}).length });
  }
}

describe('a mailbox under random calls, replies, ends, aborts and time', () => {
  it('settles each call exactly once and as its model says, sends in the order asked, and keeps nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const options = { maxInFlight: MAX_IN_FLIGHT, queueCapacity: CAPACITY, firstMessageId: FIRST_ID };
        const run = new Run(await mailboxRig(options));
        for (const one of commands) {
          await run.do(one);
          run.check();
        }
        await run.do({ kind: 'advance', ms: 200 });
        run.check();
        expect(run.outcomes.every((outcome) => outcome.count === 1)).toBe(true);
        expect(run.rig.state()).toMatchObject({ inFlight: new Map(), queue: new Set() });
        expect(run.rig.counters.waiting).toMatchObject({ count: 0, bytes: 0 });
        expect(run.rig.system.deadlines.openCount).toBe(0);
        expect(run.rig.clock.timerCount).toBe(0);
        await run.rig.stop();
      }),
      { numRuns: 150, ...(process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }) },
    );
  });
});
