/**
 * Where the packets of one turn are laid out, so that they leave as one write. Memory handed out is never written to
 * again; what is left of a slab serves the next turns, and an idle connection holds no more than a few KiB.
 */

/** Bytes of packets that one turn writes at most: 63 frames of 1024 bytes, so that a SecretConnection fills each. */
export const TURN_BYTES_MAX = 64_512;

const SLAB_BYTES_MIN = 2_048;
const SLAB_BYTES_MAX = 65_536;

/** A growing run of packets. @internal */
export class PacketSlab {
  /** Where to write, from `end` on, after `reserve`. */
  bytes: Uint8Array = new Uint8Array(0);
  end = 0;
  #start = 0;
  #nextBytes = SLAB_BYTES_MIN;

  /** Bytes written and not taken. */
  get pendingBytes(): number {
    return this.end - this.#start;
  }

  /** Makes room for `count` bytes from `end` on. */
  reserve(count: number): void {
    if (this.bytes.length - this.end >= count) return;
    const pending = this.bytes.subarray(this.#start, this.end);
    const neededBytes = pending.length + count;
    const bytes = new Uint8Array(Math.max(neededBytes, this.#nextBytes, Math.min(SLAB_BYTES_MAX, pending.length * 2)));
    bytes.set(pending);
    this.bytes = bytes;
    this.#start = 0;
    this.end = pending.length;
  }

  /** Takes all packets; the caller owns these bytes. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(this.#start, this.end);
    this.#nextBytes = Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, taken.length * 2));
    this.#start = this.end;
    if (this.bytes.length - this.end < SLAB_BYTES_MIN / 2) this.clear();
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.bytes = new Uint8Array(0);
    this.#start = 0;
    this.end = 0;
  }
}
