/** A peer that knows the handshake and may break any step of it, facing a secret connection of ours on virtual time. */
import { expect } from 'vitest';
import { DelimitedDecoder, encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import { type CometbftPublicKey, encodeAuthSig } from '../../src/codec/cometbft-handshake.ts';
import type { KeyPair } from '../../src/crypto/keys.ts';
import { FrameSealer, SEALED_FRAME_BYTES } from '../../src/crypto/secret-frames.ts';
import { type SecretAgreement, SecretHandshake } from '../../src/crypto/secret-handshake.ts';
import type { SecretStream } from '../../src/net/secret-stream.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { NATIVE } from '../crypto/engines.ts';
import { connect, type LinkRig, RawEnd } from '../net/link-rig.ts';
import { begin, nodeKeyOf, Outcome } from '../net/secret-rig.ts';

/** Bytes of the first message. */
export const EPHEMERAL_BYTES = 35;

/** The hostile end and what has become of ours. */
export class SecretPeer {
  readonly rig: LinkRig;
  readonly raw: RawEnd;
  readonly ours: Outcome<SecretStream>;
  readonly handshake: SecretHandshake;
  readonly key: KeyPair;
  #agreement: SecretAgreement | undefined;
  #sealer: FrameSealer | undefined;

  private constructor(rig: LinkRig, ours: Outcome<SecretStream>) {
    this.rig = rig;
    this.ours = ours;
    this.raw = new RawEnd(rig.far);
    this.key = nodeKeyOf(66);
    this.handshake = new SecretHandshake(NATIVE, this.key, new SeededRandom(66));
  }

  /** Faces a connection that has sent its ephemeral key already. */
  static async meet(more: Parameters<typeof begin>[4] = {}): Promise<SecretPeer> {
    const rig = await connect();
    const peer = new SecretPeer(rig, new Outcome(begin(rig.near, rig.clock, 1, NATIVE, more)));
    await rig.clock.settle();
    return peer;
  }

  /** Everything received. */
  get received(): Uint8Array {
    return Uint8Array.from(Buffer.from(this.raw.hex, 'hex'));
  }

  /** What follows from both ephemeral keys. */
  get agreement(): SecretAgreement {
    if (this.#agreement === undefined) {
      const decoder = new DelimitedDecoder(64);
      decoder.push(this.received.subarray(0, EPHEMERAL_BYTES));
      this.#agreement = this.handshake.agree(decoder.next() as Uint8Array);
    }
    return this.#agreement;
  }

  get sealer(): FrameSealer {
    this.#sealer ??= new FrameSealer(NATIVE, this.agreement.keys.sendKey);
    return this.#sealer;
  }

  /** Sends bytes and lets everything happen that follows. */
  async send(...parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) this.raw.stream.write(part.slice());
    await this.rig.clock.settle();
  }

  /** Sends an ephemeral message with any bytes in the place of the key. */
  async sendEphemeral(key: Uint8Array): Promise<void> {
    await this.send(encodeDelimited(Uint8Array.of(0x0a, key.length, ...key)));
  }

  /** Sends data in sealed frames. */
  async sendSealed(data: Uint8Array): Promise<void> {
    await this.send(this.sealer.seal(data));
  }

  /** Sends an AuthSigMessage with another key or signature than the honest ones. */
  async sendAuth(publicKey: CometbftPublicKey, signature: Uint8Array): Promise<void> {
    await this.sendSealed(encodeAuthSig(publicKey, signature));
  }

  /** One sealed frame with these data. */
  frame(data: Uint8Array): Uint8Array {
    const frame = new Uint8Array(SEALED_FRAME_BYTES);
    this.sealer.sealFrame(data, frame, 0);
    return frame;
  }

  /** Does both steps as it should. */
  async behave(): Promise<void> {
    await this.send(this.handshake.message);
    await this.sendSealed(this.agreement.authMessage);
  }

  /** Holds that our end gave up with this error, broke the connection and left no timer behind. */
  expectRefused(code: string, causeCode?: string): void {
    expect([this.ours.value, this.ours.error?.code, this.ours.error?.cause?.code]).toEqual([
      undefined,
      code,
      causeCode,
    ]);
    expect(this.raw.closed).toBeDefined();
    expect(this.rig.clock.timerCount).toBe(0);
  }
}
