/** The crypto sections of the CometBFT golden file, each case by both engines. */
import { describe, expect, test } from 'vitest';
import { decodeEphemeralKey, encodeCometbftPublicKey } from '../../src/codec/cometbft-handshake.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import { MerlinTranscript } from '../../src/crypto/merlin.ts';
import { formatNodeKey, nodeIdOf, parseNodeKey } from '../../src/crypto/node-key.ts';
import { FrameOpener, FrameSealer, SEALED_FRAME_BYTES } from '../../src/crypto/secret-frames.ts';
import { deriveSecretKeys, SecretHandshake } from '../../src/crypto/secret-handshake.ts';
import { codeOf, ENGINES, listedRandom } from '../crypto/engines.ts';
import {
  booleanOf,
  bytesOf,
  COMETBFT_CRYPTO_SECTIONS,
  eachCase,
  integerOf,
  listOf,
  loadCometbftVectors,
  stringOf,
  type VectorCase,
} from './load.ts';

const vectors = loadCometbftVectors();

/** Opens all frames of `wire` and joins their data. */
function openAll(opener: FrameOpener, wire: Uint8Array): string {
  let hex = '';
  for (let at = 0; at < wire.length; at += SEALED_FRAME_BYTES) {
    hex += bytesToHex(opener.openFrame(wire.subarray(at, at + SEALED_FRAME_BYTES)));
  }
  return hex;
}

/** Seals as upstream does: the bytes behind a chunk are what earlier frames have left in the buffer. */
class StaleSealer {
  readonly #cipher: ReturnType<CryptoEngine['frameCipher']>;
  readonly #frame = new Uint8Array(1028);
  #counter = 0n;

  constructor(engine: CryptoEngine, key: Uint8Array) {
    this.#cipher = engine.frameCipher(key);
  }

  seal(data: Uint8Array): string {
    let hex = '';
    for (let at = 0; at < data.length; at += 1024) {
      const chunk = data.subarray(at, at + 1024);
      new DataView(this.#frame.buffer).setUint32(0, chunk.length, true);
      this.#frame.set(chunk, 4);
      const nonce = new Uint8Array(12);
      new DataView(nonce.buffer).setBigUint64(4, this.#counter, true);
      this.#counter += 1n;
      const sealed = new Uint8Array(SEALED_FRAME_BYTES);
      this.#cipher.seal(nonce, this.#frame, sealed, 0);
      hex += bytesToHex(sealed);
    }
    return hex;
  }
}

/** One side of a recorded handshake, run again with the same ephemeral key. */
function side(engine: CryptoEngine, vector: VectorCase, name: 'a' | 'b'): SecretHandshake {
  const nodeKey = engine.keyPairFromSeed(bytesOf(vector, `${name}_seed`));
  expect(bytesToHex(nodeKey.publicKey.raw)).toBe(stringOf(vector, `${name}_pub`));
  return new SecretHandshake(engine, nodeKey, listedRandom([bytesOf(vector, `${name}_eph_priv`)]));
}

/** What each section holds of each of its cases, on each engine. */
const SECTIONS: Readonly<
  Record<(typeof COMETBFT_CRYPTO_SECTIONS)[number], (vector: VectorCase, engine: CryptoEngine) => void>
> = {
  derive_secrets(vector, engine) {
    const keys = deriveSecretKeys(engine, bytesOf(vector, 'dh_secret'), booleanOf(vector, 'loc_is_least'));
    expect(bytesToHex(keys.receiveKey)).toBe(stringOf(vector, 'recv_secret'));
    expect(bytesToHex(keys.sendKey)).toBe(stringOf(vector, 'send_secret'));
  },

  merlin(vector) {
    const transcript = new MerlinTranscript(stringOf(vector, 'protocol'));
    for (const step of listOf(vector, 'ops')) {
      const label = stringOf(step, 'label');
      if (stringOf(step, 'op') === 'append') transcript.append(label, bytesOf(step, 'data_hex'));
      else {
        const expected = stringOf(step, 'out_hex');
        expect(bytesToHex(transcript.extract(label, expected.length / 2))).toBe(expected);
      }
    }
  },

  x25519(vector, engine) {
    const secret = engine.x25519(bytesOf(vector, 'local_eph_priv'));
    const remote = bytesOf(vector, 'remote_eph_pub');
    if (booleanOf(vector, 'ok')) expect(bytesToHex(secret.agree(remote))).toBe(stringOf(vector, 'dh_secret'));
    else expect(codeOf(() => secret.agree(remote))).toBe('INVALID_KEY');
  },

  ed25519_verify(vector, engine) {
    const isValid = engine.verifyZip215(bytesOf(vector, 'pub'), bytesOf(vector, 'msg'), bytesOf(vector, 'sig'));
    expect(isValid).toBe(booleanOf(vector, 'ok'));
  },

  handshakes(vector, engine) {
    const [a, b] = [side(engine, vector, 'a'), side(engine, vector, 'b')];
    expect(bytesToHex(decodeEphemeralKey(a.message.subarray(1)))).toBe(stringOf(vector, 'a_eph_pub'));
    expect(bytesToHex(decodeEphemeralKey(b.message.subarray(1)))).toBe(stringOf(vector, 'b_eph_pub'));
    const secret = engine.x25519(bytesOf(vector, 'a_eph_priv'));
    expect(bytesToHex(secret.agree(bytesOf(vector, 'b_eph_pub')))).toBe(stringOf(vector, 'dh_secret'));
    const [agreedA, agreedB] = [a.agree(b.message.subarray(1)), b.agree(a.message.subarray(1))];
    for (const agreed of [agreedA, agreedB]) {
      expect(bytesToHex(agreed.challenge)).toBe(stringOf(vector, 'challenge'));
    }
    expect(bytesToHex(agreedA.keys.sendKey)).toBe(stringOf(vector, 'a_send_key'));
    expect(bytesToHex(agreedA.keys.receiveKey)).toBe(stringOf(vector, 'a_recv_key'));
    expect(agreedB.keys).toEqual({ sendKey: agreedA.keys.receiveKey, receiveKey: agreedA.keys.sendKey });
    expect(bytesToHex(agreedA.authMessage)).toBe(stringOf(vector, 'a_auth_sig_delimited'));
    expect(bytesToHex(agreedB.authMessage)).toBe(stringOf(vector, 'b_auth_sig_delimited'));
    expect(bytesToHex(agreedA.authMessage).endsWith(stringOf(vector, 'a_sig'))).toBe(true);
    expect(bytesToHex(agreedB.authMessage).endsWith(stringOf(vector, 'b_sig'))).toBe(true);
    expect(bytesToHex(agreedA.verify(agreedB.authMessage.subarray(1)))).toBe(stringOf(vector, 'b_pub'));
    expect(bytesToHex(agreedB.verify(agreedA.authMessage.subarray(1)))).toBe(stringOf(vector, 'a_pub'));

    // The frame of the handshake is the first of its direction; those of the application follow.
    const directions = {
      'a->b': { key: agreedA.keys.sendKey, wire: 'wire_a_to_b_handshake', own: a.message, auth: agreedA.authMessage },
      'b->a': { key: agreedB.keys.sendKey, wire: 'wire_b_to_a_handshake', own: b.message, auth: agreedB.authMessage },
    };
    for (const [direction, { key, wire, own, auth }] of Object.entries(directions)) {
      const sealer = new FrameSealer(engine, key);
      expect(bytesToHex(own) + bytesToHex(sealer.seal(auth))).toBe(stringOf(vector, wire));
      const opener = new FrameOpener(engine, key);
      expect(openAll(opener, bytesOf(vector, wire).subarray(own.length))).toBe(bytesToHex(auth));
      const stale = new StaleSealer(engine, key);
      stale.seal(auth);
      for (const app of listOf(vector, 'app').filter((frames) => frames.dir === direction)) {
        expect(openAll(opener, bytesOf(app, 'wire_hex'))).toBe(stringOf(app, 'plain_hex'));
        expect(stale.seal(bytesOf(app, 'plain_hex'))).toBe(stringOf(app, 'wire_hex'));
      }
    }
  },

  sealed_frames(vector, engine) {
    const counter = integerOf(vector, 'counter');
    const [key, chunk] = [bytesOf(vector, 'key'), bytesOf(vector, 'chunk_hex')];
    const sealer = new FrameSealer(engine, key, counter);
    const sealed = new Uint8Array(SEALED_FRAME_BYTES);
    sealer.sealFrame(chunk, sealed, 0);
    expect(bytesToHex(sealed)).toBe(stringOf(vector, 'sealed_hex'));
    const frame = engine.frameCipher(key).open(bytesOf(vector, 'nonce'), sealed);
    expect(bytesToHex(frame as Uint8Array)).toBe(stringOf(vector, 'frame_hex'));
    const opener = new FrameOpener(engine, key, counter);
    expect(opener.openFrame(sealed)).toEqual(chunk);
    // Where upstream panics, nothing is sealed or opened any more; else the next nonce is the next one.
    if (booleanOf(vector, 'increment_panics')) {
      expect(codeOf(() => sealer.sealFrame(chunk, sealed, 0))).toBe('NONCE_EXHAUSTED');
      expect(codeOf(() => opener.openFrame(sealed))).toBe('NONCE_EXHAUSTED');
      return;
    }
    sealer.sealFrame(chunk, sealed, 0);
    expect(engine.frameCipher(key).open(bytesOf(vector, 'next_nonce'), sealed)).toEqual(frame);
  },

  secret_writes(vector, engine) {
    const writes = (vector.writes_hex as readonly string[]).map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
    const wire = bytesOf(vector, 'wire_hex');
    const key = bytesOf(vector, 'key');
    expect(wire.length).toBe(Number(integerOf(vector, 'wire_len')));
    expect(bytesToHex(engine.hash('sha256', wire))).toBe(stringOf(vector, 'wire_sha256'));
    const data = writes.map(bytesToHex).join('');
    expect(openAll(new FrameOpener(engine, key), wire)).toBe(data);
    const stale = new StaleSealer(engine, key);
    expect(writes.map((write) => stale.seal(write)).join('')).toBe(bytesToHex(wire));
    const sealer = new FrameSealer(engine, key);
    const own = Buffer.concat(writes.map((write) => sealer.seal(write)));
    expect(own.length).toBe(wire.length);
    expect(openAll(new FrameOpener(engine, key), own)).toBe(data);
  },

  secret_reads(vector, engine) {
    const opener = new FrameOpener(engine, bytesOf(vector, 'key'));
    const open = (): Uint8Array => opener.openFrame(bytesOf(vector, 'wire_hex'));
    if (!booleanOf(vector, 'ok')) {
      expect(codeOf(open)).toBe('DECRYPTION_FAILED');
      return;
    }
    const data = open();
    expect(bytesToHex(data)).toBe(stringOf(vector, 'plain_hex'));
    expect(data.length).toBe(Number(integerOf(vector, 'read_n')));
  },

  addresses(vector, engine) {
    const keyPair = engine.keyPairFromSeed(bytesOf(vector, 'seed'));
    const raw = keyPair.publicKey.raw;
    expect(bytesToHex(raw)).toBe(stringOf(vector, 'pub'));
    expect(stringOf(vector, 'priv64')).toBe(stringOf(vector, 'seed') + stringOf(vector, 'pub'));
    expect(bytesToHex(engine.hash('sha256', bytesOf(vector, 'secret_hex')))).toBe(stringOf(vector, 'seed'));
    expect(nodeIdOf(engine, raw)).toBe(stringOf(vector, 'node_id'));
    expect(nodeIdOf(engine, raw).toUpperCase()).toBe(stringOf(vector, 'address_upper_hex'));
    expect(formatNodeKey(keyPair)).toBe(stringOf(vector, 'node_key_json'));
    const read = parseNodeKey(engine, stringOf(vector, 'node_key_json'));
    expect(read.exportPrivateKey().subarray(2)).toEqual(bytesOf(vector, 'seed'));
    const publicKey = encodeCometbftPublicKey({ type: 'ed25519', bytes: raw });
    expect(bytesToHex(publicKey)).toBe(stringOf(vector, 'proto_public_key_hex'));
    const message = bytesOf(vector, 'msg_hex');
    const signature = engine.sign(read, message);
    expect(bytesToHex(signature)).toBe(stringOf(vector, 'sig_hex'));
    expect(engine.verifyZip215(raw, message, signature)).toBe(true);
  },
};

describe.skipIf(vectors === undefined).each(ENGINES.map((engine) => [engine.name, engine] as const))(
  'CometBFT cryptography on the %s engine',
  (_name, engine) => {
    // Section derive_secrets is DeriveSecretsAndChallengeGolden.
    test.each(COMETBFT_CRYPTO_SECTIONS)('holds every case of section %s', (section) => {
      if (vectors === undefined) return;
      const count = eachCase(vectors, section, (vector) => SECTIONS[section](vector, engine));
      expect(count).toBe(vectors.cases(section).length);
    });
  },
);
