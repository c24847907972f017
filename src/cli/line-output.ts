/**
 * Lines for standard output that come whether or not somebody reads: a bounded number of bytes waits for a slow reader, what
 * is beyond is left out, and where lines are missing a line says how many.
 */
import type { Unsubscribe } from '../base/emitter.ts';
import { RingQueue } from '../base/ring-queue.ts';
import type { Shell } from './shell.ts';

/** Bytes of lines that wait for the reader, besides what the system holds: 1 MiB. Counted as characters. */
export const OUTPUT_WAITING_BYTES_MAX = 1_048_576;

/** The lines of one command. */
export class LineOutput {
  readonly #shell: Shell;
  readonly #describeGap: (count: number) => string;
  readonly #waiting = new RingQueue<string>();
  #waitingBytes = 0;
  #leftOutCount = 0;
  #isCongested = false;
  readonly #offDrain: Unsubscribe;

  /** @param describeGap - the line, without its end, that stands for so many that were left out. */
  constructor(shell: Shell, describeGap: (count: number) => string) {
    this.#shell = shell;
    this.#describeGap = describeGap;
    this.#offDrain = shell.onOutDrain(() => {
      this.#isCongested = false;
      this.#flush();
    });
  }

  /** Lines that wait for the reader. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Writes a line, given without its end, or lets it wait, or leaves it out. */
  write(line: string): void {
    if (!this.#isCongested) {
      this.#put(line);
      return;
    }
    const bytes = line.length + 1;
    // Once a line is left out all are until the reader has caught up, so that one line can say where they were.
    if (this.#leftOutCount > 0 || this.#waitingBytes + bytes > OUTPUT_WAITING_BYTES_MAX) {
      this.#leftOutCount += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
  }

  /** Hands over all that waits, congested or not: no more lines follow. */
  end(): void {
    this.#offDrain();
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) this.#put(line);
    this.#waitingBytes = 0;
    this.#tellGap();
  }

  #put(line: string): void {
    this.#isCongested = !this.#shell.out(`${line}\n`);
  }

  #flush(): void {
    while (!this.#isCongested) {
      const line = this.#waiting.shift();
      if (line === undefined) break;
      this.#waitingBytes -= line.length + 1;
      this.#put(line);
    }
    if (!this.#isCongested) this.#tellGap();
  }

  #tellGap(): void {
    if (this.#leftOutCount === 0) return;
    const count = this.#leftOutCount;
    this.#leftOutCount = 0;
    this.#put(this.#describeGap(count));
  }
}
