/**
 * Where the packets of one turn are laid out, so that they leave as one write. One piece of memory serves all connections
 * of the program, one turn at a time, so that an idle connection holds none; only packets longer than it get their own.
 */

/** Bytes of packets that one turn writes at most: 62 frames of 1024 bytes, sealed a little less than 64 KiB. */
export const TURN_BYTES_MAX = 63_488;

/** ... while small messages share the link: 16 frames, so that the next small message, or a reply, waits for no more. */
export const TURN_BYTES_SHARED_MAX = 16_384;

/** Bytes of the memory that all connections share. */
const SCRATCH_BYTES = 65_536;

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
    if (neededBytes <= this.bytes.length) return;
    let bytes: Uint8Array;
    if (this.end === 0 && count <= SCRATCH_BYTES) {
      bytes = scratch ?? new Uint8Array(SCRATCH_BYTES);
      scratch = undefined;
    } else {
      bytes = new Uint8Array(Math.max(neededBytes, this.end * 2));
      bytes.set(this.bytes.subarray(0, this.end));
    }
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
    if (this.bytes.length === SCRATCH_BYTES) scratch = this.bytes;
    this.bytes = NO_BYTES;
    this.end = 0;
  }
}
