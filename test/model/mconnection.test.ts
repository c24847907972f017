/**
 * Two MConnections against a model of 40 lines: whatever is queued, waits, is handled slowly, stalls and ends, each
 * channel delivers what it accepted, in order, once, and every answer of `send` and `trySend` is the model's.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SendResult } from '../../src/net/channel-sender.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { connect } from '../net/link-rig.ts';
import { pattern, texts } from '../net/mconnection-rig.ts';

const CHANNELS = [
  { id: 0, priority: 1, sendQueueCapacity: 3, recvQueueCapacity: 3 },
  { id: 0x21, priority: 10, sendQueueCapacity: 1 },
  { id: 0x90, priority: 5, sendQueueCapacity: 100, recvQueueBytesMax: 5_000 },
];

type Command =
  | { readonly kind: 'send' | 'trySend'; readonly channel: number; readonly size: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'slow'; readonly channel: number; readonly ms: number }
  | { readonly kind: 'stall' | 'heal' };

const channel = fc.integer({ min: 0, max: CHANNELS.length - 1 });
const size = fc.oneof(
  fc.constantFrom(0, 1, 1023, 1024, 1025, 2048),
  fc.integer({ min: 0, max: 400 }),
  fc.integer({ min: 0, max: 30_000 }),
);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('send' as const, 'trySend' as const), channel, size }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 300 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('slow' as const), channel, ms: fc.constantFrom(0, 1, 40) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('stall' as const, 'heal' as const) }) },
);

/** What each channel must deliver: everything that was answered with `queued`, in the order of the answers. */
class Model {
  readonly accepted: Uint8Array[][] = CHANNELS.map(() => []);
  readonly delivered: Uint8Array[][] = CHANNELS.map(() => []);
  count = 0;

  message(bytes: number): Uint8Array {
    this.count += 1;
    return pattern(bytes, this.count);
  }

  check(): void {
    for (const [index, messages] of this.delivered.entries()) {
      expect(texts(messages)).toEqual(texts(this.accepted[index]?.slice(0, messages.length) ?? []));
    }
  }
}

interface Setup {
  readonly commands: readonly Command[];
  readonly seed: number;
  readonly latencyMs: number;
  readonly sendRate: number;
  readonly windowBytes: number;
}

async function run(setup: Setup): Promise<void> {
  const { clock, network, near, far } = await connect({
    latencyMs: setup.latencyMs,
    random: new SeededRandom(setup.seed),
    chunkBytesMax: 3000,
  });
  const model = new Model();
  const slowMs = CHANNELS.map(() => 0);
  const options = {
    clock,
    sendRateBytesPerSecond: setup.sendRate,
    recvRateBytesPerSecond: 0,
    bulkWindowBytes: setup.windowBytes,
    writeTimeoutMs: 1e7,
  };
  const b = new MConnection(far, CHANNELS, {
    ...options,
    handlers: {
      onReceive: (id, message) => {
        const index = CHANNELS.findIndex((each) => each.id === id);
        model.delivered[index]?.push(message.slice());
        const ms = slowMs[index] ?? 0;
        if (ms === 0) return undefined;
        return new Promise<void>((resolve) => void clock.setTimer(() => resolve(), ms));
      },
    },
  });
  const a = new MConnection(near, CHANNELS, { ...options, handlers: { onReceive: () => {} } });
  a.start();
  b.start();
  const waits: Promise<SendResult>[] = [];
  for (const step of setup.commands) {
    if (step.kind === 'advance') await clock.advance(step.ms);
    else if (step.kind === 'slow') slowMs[step.channel] = step.ms;
    else if (step.kind === 'stall') network.stall('a', 'b');
    else if (step.kind === 'heal') network.heal('a', 'b');
    else if (step.kind === 'send' || step.kind === 'trySend') {
      const message = model.message(step.size);
      const accepted = model.accepted[step.channel] as Uint8Array[];
      const { id } = CHANNELS[step.channel] as (typeof CHANNELS)[number];
      const mayQueue = a.canSend(id);
      if (step.kind === 'trySend') {
        const result = a.trySend(id, message);
        expect(result).toBe(mayQueue ? 'queued' : 'full');
        if (result === 'queued') accepted.push(message);
      } else {
        const sent = a.send(id, message, { timeoutMs: 250 });
        waits.push(sent);
        // The answer comes in a later turn than the queueing, so order is kept by the callers' line itself.
        void sent.then((result) => {
          if (result === 'queued') accepted.push(message);
          else expect(['timeout', 'full']).toContain(result);
        });
        await Promise.resolve();
        await Promise.resolve();
      }
    }
    model.check();
  }
  network.heal('a', 'b');
  await clock.advance(600_500); // not at the moment of a ping, when something is on its way
  await Promise.all(waits);
  model.check();
  expect(model.delivered.map(texts)).toEqual(model.accepted.map(texts));
  const [sent, received] = [a.status(), b.status()];
  for (const [index, each] of sent.channels.entries()) {
    const other = received.channels[index];
    expect([each.sendQueueSize, each.sendWaiters]).toEqual([0, 0]);
    expect([other?.messagesReceived, other?.bytesReceived, other?.packetsReceived, other?.messagesDropped]).toEqual([
      each.messagesSent,
      each.bytesSent,
      each.packetsSent,
      0,
    ]);
  }
  expect(received.recv.bytes).toBe(sent.send.bytes);
  a.stop();
  await clock.advance(40_000);
  expect([a.status().state, b.status().state, clock.timerCount]).toEqual(['closed', 'closed', 0]);
}

describe('MConnection against a model', () => {
  it('delivers what it accepted, in order, once, and counts it the same at both ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          commands: fc.array(command, { maxLength: 40 }),
          seed: fc.integer({ min: 0, max: 1_000_000 }),
          latencyMs: fc.constantFrom(0, 3, 60),
          sendRate: fc.constantFrom(0, 200_000),
          windowBytes: fc.constantFrom(0, 4096, 131_072),
        }),
        run,
      ),
      { numRuns: 40, ...(process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }) },
    );
  }, 60_000);
});
