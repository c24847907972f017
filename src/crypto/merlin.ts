/**
 * Merlin transcripts on STROBE-128: what two sides have said so far, as a running hash from which both draw the same
 * challenges. The part of it that the SecretConnection needs: append and extract. Follows the Merlin specification
 * (merlin.cool, "transcript operations") over STROBE v1.0.2 §6 and §7; Keccak-f[1600] is noble's.
 */
import { keccakP } from '@noble/hashes/sha3.js';

/** Bytes of a challenge at most: 64 KiB. */
export const TRANSCRIPT_CHALLENGE_BYTES_MAX = 65_536;

const STATE_BYTES = 200;
const KECCAK_ROUNDS = 24;
// Rate of STROBE-128: 200 - 128 / 4 - 2.
const RATE = 166;

const FLAG_INPUT = 1;
const FLAG_APPLICATION = 2;
const FLAG_CIPHER = 4;
const FLAG_META = 16;
const FLAG_KEY = 32;

const META_AD = FLAG_META | FLAG_APPLICATION;
const AD = FLAG_APPLICATION;
const PRF = FLAG_INPUT | FLAG_APPLICATION | FLAG_CIPHER;

/** A transcript of one protocol run. Labels are text that the protocol fixes, in ASCII. */
export class MerlinTranscript {
  readonly #strobe = new Strobe128();

  /** Begins a transcript; `protocol` keeps runs of different protocols apart. */
  constructor(protocol: string) {
    this.#begin('dom-sep', protocol.length);
    this.#strobe.absorbTextAs(AD, protocol);
  }

  /** Adds `message` under `label`; both are read, not kept. */
  append(label: string, message: Uint8Array): void {
    this.#begin(label, message.length);
    this.#strobe.absorbAs(AD, message);
  }

  /**
   * Draws `length` bytes under `label`, which also changes what comes after.
   *
   * @param length - 0 to {@link TRANSCRIPT_CHALLENGE_BYTES_MAX}.
   * @throws RangeError for another length.
   */
  extract(label: string, length: number): Uint8Array {
    if (!Number.isInteger(length) || length < 0 || length > TRANSCRIPT_CHALLENGE_BYTES_MAX) {
      throw new RangeError(`challenge of ${length} bytes: 0 to ${TRANSCRIPT_CHALLENGE_BYTES_MAX} allowed`);
    }
    this.#begin(label, length);
    return this.#strobe.squeezeAs(PRF, length);
  }

  #begin(label: string, length: number): void {
    this.#strobe.absorbTextAs(META_AD, label);
    this.#strobe.absorbNumber(length);
  }
}

/** As much of STROBE as Merlin uses. */
class Strobe128 {
  readonly #state = new Uint8Array(STATE_BYTES);
  // noble permutes 32-bit lanes in host order; every host that runs JavaScript is little-endian, as Keccak is.
  readonly #lanes = new Uint32Array(this.#state.buffer);
  #position = 0;
  #begunAt = 0;

  constructor() {
    this.#state.set(startState());
    this.absorbTextAs(META_AD, 'Merlin v1.0');
  }

  absorbAs(flags: number, bytes: Uint8Array): void {
    this.#begin(flags);
    this.absorbMore(bytes);
  }

  /** `text` is ASCII. */
  absorbTextAs(flags: number, text: string): void {
    this.#begin(flags);
    const state = this.#state;
    let position = this.#position;
    for (let i = 0; i < text.length; i += 1) {
      state[position] = (state[position] as number) ^ text.charCodeAt(i);
      position = this.#after(position);
    }
    this.#position = position;
  }

  /** Goes on with the operation begun last. */
  absorbMore(bytes: Uint8Array): void {
    const state = this.#state;
    let position = this.#position;
    for (let i = 0; i < bytes.length; i += 1) {
      state[position] = (state[position] as number) ^ (bytes[i] as number);
      position = this.#after(position);
    }
    this.#position = position;
  }

  /** As {@link Strobe128.absorbMore} of 4 bytes, little-endian. */
  absorbNumber(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#absorb((value >>> shift) & 0xff);
  }

  squeezeAs(flags: number, length: number): Uint8Array {
    this.#begin(flags);
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) {
      bytes[i] = this.#state[this.#position] as number;
      this.#state[this.#position] = 0;
      this.#position = this.#after(this.#position);
    }
    return bytes;
  }

  #begin(flags: number): void {
    const begunBefore = this.#begunAt;
    this.#begunAt = this.#position + 1;
    this.#absorb(begunBefore);
    this.#absorb(flags);
    if ((flags & (FLAG_CIPHER | FLAG_KEY)) !== 0 && this.#position !== 0) this.#permute();
  }

  #absorb(byte: number): void {
    this.#state[this.#position] = (this.#state[this.#position] as number) ^ byte;
    this.#position = this.#after(this.#position);
  }

  /** The position after `position`, which is used up. */
  #after(position: number): number {
    if (position + 1 < RATE) return position + 1;
    this.#position = RATE;
    this.#permute();
    return 0;
  }

  #permute(): void {
    const state = this.#state;
    state[this.#position] = (state[this.#position] as number) ^ this.#begunAt;
    state[this.#position + 1] = (state[this.#position + 1] as number) ^ 0x04;
    state[RATE + 1] = (state[RATE + 1] as number) ^ 0x80;
    keccakP(this.#lanes, KECCAK_ROUNDS);
    this.#position = 0;
    this.#begunAt = 0;
  }
}

let start: Uint8Array | undefined;

/** The state that every run begins with, STROBE §6.2: a permutation, which is a third of what a handshake needs. */
function startState(): Uint8Array {
  if (start === undefined) {
    const state = new Uint8Array(STATE_BYTES);
    const name = 'STROBEv1.0.2';
    state.set([1, RATE + 2, 1, 0, 1, 12 * 8]); // the encoding of the parameters
    for (let i = 0; i < name.length; i += 1) state[6 + i] = name.charCodeAt(i);
    keccakP(new Uint32Array(state.buffer), KECCAK_ROUNDS);
    start = state;
  }
  return start;
}
