/**
 * The floor: the least that can be called a mailbox. A ring of messages, one promise a call, one run queue drained from a
 * resolved promise. No pids, links, monitors, timeouts or supervision: what those cost is what the ratios show.
 */
import { RingQueue } from '../../src/base/ring-queue.ts';

interface Item {
  readonly op: string;
  readonly value: unknown;
  readonly resolve: ((value: unknown) => void) | undefined;
}

const RESOLVED = Promise.resolve();
const ready = new RingQueue<BareMailbox>();
let isDraining = false;

function drain(): void {
  for (let next = ready.shift(); next !== undefined; next = ready.shift()) next.run();
  isDraining = false;
}

/** A mailbox with nothing around it. */
export class BareMailbox {
  state = 0;
  readonly #queue = new RingQueue<Item>();
  #isScheduled = false;
  readonly #handle: (op: string, value: unknown, state: number) => number;

  constructor(handle: (op: string, value: unknown, state: number) => number) {
    this.#handle = handle;
  }

  call(op: string, value?: unknown): Promise<unknown> {
    return new Promise((resolve) => this.#push({ op, value, resolve }));
  }

  cast(op: string, value?: unknown): void {
    this.#push({ op, value, resolve: undefined });
  }

  #push(item: Item): void {
    this.#queue.push(item);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    ready.push(this);
    if (isDraining) return;
    isDraining = true;
    RESOLVED.then(drain);
  }

  run(): void {
    this.#isScheduled = false;
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      this.state = this.#handle(item.op, item.value, this.state);
      if (item.resolve !== undefined) item.resolve(this.state);
    }
  }
}

/** A bare mailbox that counts. */
export function bareCounter(): BareMailbox {
  return new BareMailbox((op, _value, state) => (op === 'inc' ? state + 1 : state));
}
