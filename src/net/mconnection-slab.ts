/**
 * Where the packets of one turn are laid out, so that they leave as one write. One piece of memory serves all connections
 * of the program, one turn at a time, so that an idle connection holds none; only packets longer than it get their own.
 */

/** Bytes of packets that one turn writes at first, and one that takes long: 62 frames of 1024 bytes. */
export const TURN_BYTES_MIN = 63_488;

/** ... at most, while sealing and writing them is quick: 248 frames. A peer that has slept is woken once for all. */
export const TURN_BYTES_MAX = 253_952;

/** ... while small messages share the link: 16 frames, so that the next small message, or a reply, waits for no more. */
export const TURN_BYTES_SHARED_MAX = 16_384;

/** Bytes of the memory that all connections share, at first and at most. */
const SCRATCH_BYTES_MIN = 65_536;
const SCRATCH_BYTES_MAX = 262_144;

const NO_BYTES: Uint8Array = new Uint8Array(0);

let scratch: Uint8Array | undefined;

/** A growing run of packets; empty between two turns. @internal */
export class PacketSlab {
  /** Where to write, from `end` on, after `reserve`. */
  bytes: Uint8Array = NO_BYTES;
  end = 0;

  /** Makes room for `count` bytes from `end` on. */
  reserve(count: number): void {
    const neededBytes = this.end + count;
    if (neededBytes > this.bytes.length) this.#grow(neededBytes);
  }

  #grow(neededBytes: number): void {
    let bytes: Uint8Array | undefined;
    if (scratch !== undefined && scratch.length >= neededBytes && scratch.length > this.bytes.length) {
      bytes = scratch;
      scratch = undefined;
    } else bytes = new Uint8Array(Math.max(SCRATCH_BYTES_MIN, neededBytes, this.bytes.length * 2));
    if (this.end > 0) bytes.set(this.bytes.subarray(0, this.end));
    this.bytes = bytes;
  }

  /**
   * Takes all packets out.
   *
   * @param isBorrowed - whoever gets them has no use for them once `clear` is called; else they are a copy.
   */
  take(isBorrowed: boolean): Uint8Array {
    const taken = isBorrowed ? this.bytes.subarray(0, this.end) : this.bytes.slice(0, this.end);
    this.end = 0;
    return taken;
  }

  /** Forgets everything, and gives the memory back. */
  clear(): void {
    const { length } = this.bytes;
    if (length > 0 && length <= SCRATCH_BYTES_MAX && length > (scratch?.length ?? 0)) scratch = this.bytes;
    this.bytes = NO_BYTES;
    this.end = 0;
  }
}
