/**
 * Hostile peers of a SecretConnection: every step late, early, twice, truncated, oversized, with a wrong key or a point of
 * low order. After the ideas of upstream's `evil_secret_connection_test.go`.
 */
import { describe, expect, test } from 'vitest';
import { encodeDelimited } from '../../src/codec/cometbft-delimited.ts';
import { encodeAuthSig } from '../../src/codec/cometbft-handshake.ts';
import { hexToBytes } from '../../src/codec/hex.ts';
import { SECRET_HANDSHAKE_FRAMES_MAX } from '../../src/net/secret-connection.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { NATIVE } from '../crypto/engines.ts';
import { connect, RawEnd } from '../net/link-rig.ts';
import { begin, nodeKeyOf, Outcome } from '../net/secret-rig.ts';
import { EPHEMERAL_BYTES, SecretPeer } from './secret-peer.ts';

const LOW_ORDER_POINTS = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];
const SMALL_ORDER_KEYS = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // 0, not in canonical form
];
// By a key of small order anybody signs anything: R the identity, S zero.
const IDENTITY_SIGNATURE = hexToBytes(`01${'00'.repeat(63)}`);

const honest = (peer: SecretPeer) => ({ type: 'ed25519', bytes: peer.key.publicKey.raw }) as const;

describe('the first step, the ephemeral key (MakeSecretConnection)', () => {
  test('an honest peer gets through, so that the failures below are of their own making', async () => {
    const peer = await SecretPeer.meet();
    await peer.behave();
    expect(peer.ours.value?.remotePublicKey).toEqual(peer.key.publicKey.raw);
    expect(peer.rig.clock.timerCount).toBe(0);
  });

  test('a peer that refuses to send it and closes is refused at once', async () => {
    const peer = await SecretPeer.meet();
    peer.raw.stream.close();
    await peer.rig.clock.settle();
    await peer.rig.clock.advance(1_000); // its own lingering
    peer.expectRefused('HANDSHAKE_FAILED');
  });

  test('a peer that stays silent is given up at the deadline, not a millisecond earlier', async () => {
    const peer = await SecretPeer.meet({ handshakeTimeoutMs: 300 });
    await peer.rig.clock.advance(299);
    expect(peer.ours.isSettled).toBe(false);
    await peer.rig.clock.advance(1);
    peer.expectRefused('HANDSHAKE_TIMEOUT');
    expect(peer.ours.error?.message).toContain('ephemeral key');
  });

  test('a peer that sends it after the deadline is too late', async () => {
    const peer = await SecretPeer.meet();
    await peer.rig.clock.advance(20_000);
    peer.expectRefused('HANDSHAKE_TIMEOUT');
  });

  test('a message of something else is refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(encodeDelimited(new TextEncoder().encode('drop users;')));
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_VALUE');
  });

  test.each([0, 1, 31, 33, 64])('a key of %i bytes is refused', async (length) => {
    const peer = await SecretPeer.meet();
    await peer.sendEphemeral(new Uint8Array(length).fill(9));
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_KEY');
  });

  test.each(LOW_ORDER_POINTS)('the low-order point %s is refused', async (point) => {
    const peer = await SecretPeer.meet();
    await peer.sendEphemeral(hexToBytes(point));
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_KEY');
  });

  test('a peer that sends everything back is refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.received);
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_KEY');
    expect(peer.received.length).toBe(EPHEMERAL_BYTES);
  });

  test('a length over the bound is refused before a byte of the message is there, one at the bound is waited for', async () => {
    const over = await SecretPeer.meet();
    await over.send(Uint8Array.of(0x81, 0x08)); // 1025
    over.expectRefused('HANDSHAKE_FAILED', 'FRAME_TOO_LARGE');
    const at = await SecretPeer.meet();
    await at.send(Uint8Array.of(0x80, 0x08)); // 1024
    expect(at.ours.isSettled).toBe(false);
    await at.send(new Uint8Array(1024).fill(0xff));
    at.expectRefused('HANDSHAKE_FAILED', 'INVALID_VALUE');
  });

  test('a length that does not end is refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(new Uint8Array(12).fill(0xff));
    peer.expectRefused('HANDSHAKE_FAILED', 'OUT_OF_RANGE');
  });

  test('a peer that closes in the middle of it is refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message.subarray(0, 20));
    peer.raw.stream.close();
    await peer.rig.clock.advance(1_000);
    peer.expectRefused('HANDSHAKE_FAILED');
  });

  test('a peer that breaks the connection off is told apart from one that fails', async () => {
    const peer = await SecretPeer.meet();
    peer.raw.stream.destroy();
    await peer.rig.clock.settle();
    peer.expectRefused('RESET');
  });

  test('a second ephemeral key is taken for what comes next, and does not open', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message, peer.handshake.message);
    expect(peer.ours.isSettled).toBe(false); // 35 bytes are no frame yet
    await peer.sendSealed(peer.agreement.authMessage);
    peer.expectRefused('HANDSHAKE_FAILED', 'DECRYPTION_FAILED');
  });
});

describe('the second step, who it is (MakeSecretConnection)', () => {
  test('a peer that refuses to say so and closes is refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    peer.raw.stream.close();
    await peer.rig.clock.advance(1_000);
    peer.expectRefused('HANDSHAKE_FAILED');
    expect(peer.ours.error?.message).toContain('node key');
  });

  test('a peer that never says so is given up at the same deadline', async () => {
    const peer = await SecretPeer.meet({ handshakeTimeoutMs: 300 });
    await peer.rig.clock.advance(200);
    await peer.send(peer.handshake.message);
    await peer.rig.clock.advance(99);
    expect(peer.ours.isSettled).toBe(false);
    await peer.rig.clock.advance(1);
    peer.expectRefused('HANDSHAKE_TIMEOUT');
    expect(peer.ours.error?.message).toContain('who it is');
  });

  test('a peer that dribbles bytes does not move the deadline', async () => {
    const peer = await SecretPeer.meet({ handshakeTimeoutMs: 100 });
    for (const byte of peer.handshake.message.subarray(0, 33)) {
      await peer.send(Uint8Array.of(byte));
      await peer.rig.clock.advance(3);
    }
    expect(peer.ours.isSettled).toBe(false); // 99 ms
    await peer.rig.clock.advance(1);
    peer.expectRefused('HANDSHAKE_TIMEOUT');
  });

  test('a frame of garbage does not open', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message, new Uint8Array(1044).fill(7));
    peer.expectRefused('HANDSHAKE_FAILED', 'DECRYPTION_FAILED');
  });

  test('one that comes sealed before the peer can know the keys does not open', async () => {
    const peer = await SecretPeer.meet();
    const early = NATIVE.frameCipher(new Uint8Array(32));
    const frame = new Uint8Array(1044);
    early.seal(new Uint8Array(12), new Uint8Array(1028), frame, 0);
    await peer.send(frame);
    expect(peer.ours.error?.cause?.code).toMatch(/^(FRAME_TOO_LARGE|INVALID_VALUE|TRUNCATED|INVALID_KEY)$/);
    peer.expectRefused('HANDSHAKE_FAILED', peer.ours.error?.cause?.code);
  });

  test('one sealed with the next nonce does not open', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    peer.frame(new Uint8Array(1)); // never sent
    await peer.sendSealed(peer.agreement.authMessage);
    peer.expectRefused('HANDSHAKE_FAILED', 'DECRYPTION_FAILED');
  });

  test('one cut off is waited for, and its end refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message, peer.sealer.seal(peer.agreement.authMessage).subarray(0, 1043));
    expect(peer.ours.isSettled).toBe(false);
    peer.raw.stream.close();
    await peer.rig.clock.advance(1_000);
    peer.expectRefused('HANDSHAKE_FAILED');
  });

  test('one longer than the bound is refused', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    await peer.sendAuth(honest(peer), new Uint8Array(2000));
    peer.expectRefused('HANDSHAKE_FAILED', 'FRAME_TOO_LARGE');
  });

  test('a signature by another key, or over another challenge, is refused', async () => {
    const byAnother = await SecretPeer.meet();
    await byAnother.send(byAnother.handshake.message);
    const signature = NATIVE.sign(nodeKeyOf(5), byAnother.agreement.challenge);
    await byAnother.sendAuth(honest(byAnother), signature);
    byAnother.expectRefused('HANDSHAKE_FAILED', 'BAD_SIGNATURE');

    const overAnother = await SecretPeer.meet();
    await overAnother.send(overAnother.handshake.message);
    await overAnother.sendAuth(honest(overAnother), NATIVE.sign(overAnother.key, new Uint8Array(32)));
    overAnother.expectRefused('HANDSHAKE_FAILED', 'BAD_SIGNATURE');
  });

  test.each([0, 63, 65])('a signature of %i bytes is refused', async (length) => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    const signature = new Uint8Array(length);
    signature.set(NATIVE.sign(peer.key, peer.agreement.challenge).subarray(0, length));
    await peer.sendAuth(honest(peer), signature);
    peer.expectRefused('HANDSHAKE_FAILED', 'BAD_SIGNATURE');
  });

  test('a message without a key is refused (NilPubkey)', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    await peer.sendSealed(encodeDelimited(hexToBytes('0a00')));
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_KEY');
  });

  test.each([
    ['secp256k1', 33],
    ['bls12381', 96],
    ['mldsa65', 64],
    ['ed25519', 31],
    ['ed25519', 33],
    ['ed25519', 0],
  ] as const)('a node key of kind %s with %i bytes is refused (NonEd25519Pubkey)', async (type, length) => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    await peer.sendAuth({ type, bytes: new Uint8Array(length).fill(2) }, new Uint8Array(64));
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_KEY');
  });

  test.each(SMALL_ORDER_KEYS)('the node key %s of small order is refused, with a signature that fits', async (key) => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    const raw = hexToBytes(key);
    expect(NATIVE.verifyZip215(raw, peer.agreement.challenge, IDENTITY_SIGNATURE)).toBe(true);
    await peer.sendAuth({ type: 'ed25519', bytes: raw }, IDENTITY_SIGNATURE);
    peer.expectRefused('HANDSHAKE_FAILED', 'INVALID_KEY');
  });

  test('someone in the middle with keys of his own cannot pass the signatures on', async () => {
    const alice = await SecretPeer.meet({ random: new SeededRandom(10) });
    const bob = await SecretPeer.meet({ random: new SeededRandom(11) });
    for (const victim of [alice, bob]) await victim.send(victim.handshake.message);
    expect(alice.agreement.challenge).not.toEqual(bob.agreement.challenge);
    // Bob's key and what he has signed for the one in the middle, sealed anew for Alice.
    const bobsKey = nodeKeyOf(1);
    const signature = NATIVE.sign(bobsKey, bob.agreement.challenge);
    await alice.sendAuth({ type: 'ed25519', bytes: bobsKey.publicKey.raw }, signature);
    alice.expectRefused('HANDSHAKE_FAILED', 'BAD_SIGNATURE');
  });

  test('one in pieces of a byte a frame is taken up to the bound of frames, and empty frames count', async () => {
    const within = await SecretPeer.meet();
    await within.send(within.handshake.message);
    for (let i = 1; i < SECRET_HANDSHAKE_FRAMES_MAX; i += 1) await within.send(within.frame(new Uint8Array(0)));
    expect(within.ours.isSettled).toBe(false);
    await within.send(within.frame(within.agreement.authMessage));
    expect(within.ours.value?.remotePublicKey).toEqual(within.key.publicKey.raw);

    const over = await SecretPeer.meet();
    await over.send(over.handshake.message);
    for (let i = 0; i < SECRET_HANDSHAKE_FRAMES_MAX; i += 1) await over.send(over.frame(new Uint8Array(0)));
    over.expectRefused('HANDSHAKE_FAILED', 'BAD_SIGNATURE');
  });

  test('said twice, the second time is data for the owner, as it is upstream', async () => {
    const peer = await SecretPeer.meet();
    await peer.behave();
    await peer.sendSealed(peer.agreement.authMessage);
    const end = new RawEnd(peer.ours.value as NonNullable<typeof peer.ours.value>);
    await peer.rig.clock.settle();
    expect(Buffer.concat(end.chunks)).toEqual(Buffer.from(peer.agreement.authMessage));
  });
});

describe('after the handshake', () => {
  const opened = async (): Promise<[SecretPeer, RawEnd]> => {
    const peer = await SecretPeer.meet();
    await peer.behave();
    return [peer, new RawEnd(peer.ours.value as NonNullable<typeof peer.ours.value>)];
  };

  test('what came right behind the handshake, in the same chunk, reaches the owner', async () => {
    const peer = await SecretPeer.meet();
    await peer.send(peer.handshake.message);
    const auth = encodeAuthSig(honest(peer), NATIVE.sign(peer.key, peer.agreement.challenge));
    await peer.send(Buffer.concat([peer.frame(Uint8Array.of(...auth, 1, 2)), peer.frame(Uint8Array.of(3))]));
    const end = new RawEnd(peer.ours.value as NonNullable<typeof peer.ours.value>);
    expect(end.hex).toBe('');
    await peer.rig.clock.settle();
    expect(end.hex).toBe('010203');
  });

  test('a changed frame ends the connection after what came before it was delivered', async () => {
    const [peer, end] = await opened();
    const frames = Buffer.concat([peer.frame(Uint8Array.of(1)), peer.frame(Uint8Array.of(2))]);
    frames[1044 + 500] = (frames[1044 + 500] as number) ^ 1;
    await peer.send(frames);
    expect(end.hex).toBe('01');
    expect(end.closed?.reason?.code).toBe('REMOTE_FAULT');
    expect(end.closed?.reason?.cause).toMatchObject({ code: 'DECRYPTION_FAILED' });
    expect(peer.raw.closed?.reason?.code).toBe('RESET');
  });

  test('a frame sent again, left out, or swapped with the next ends the connection', async () => {
    for (const order of [[0, 0], [1], [1, 0]]) {
      const [peer, end] = await opened();
      const frames = [peer.frame(Uint8Array.of(1)), peer.frame(Uint8Array.of(2))];
      for (const index of order) await peer.send(frames[index] as Uint8Array).catch(() => {});
      expect(end.hex).toBe(order[0] === 0 ? '01' : '');
      expect(end.closed?.reason?.code).toBe('REMOTE_FAULT');
    }
  });

  test.each([1025, 0xffff_ffff])('a frame that says it holds %i bytes ends the connection', async (length) => {
    const [peer, end] = await opened();
    const plain = new Uint8Array(1028);
    new DataView(plain.buffer).setUint32(0, length, true);
    const nonce = new Uint8Array(12);
    nonce[4] = 1; // the frame after the handshake's
    const frame = new Uint8Array(1044);
    NATIVE.frameCipher(peer.agreement.keys.sendKey).seal(nonce, plain, frame, 0);
    await peer.send(frame);
    expect(end.hex).toBe('');
    expect(end.closed?.reason?.code).toBe('REMOTE_FAULT');
  });

  test('a close in the middle of a frame is told apart from one between frames', async () => {
    for (const [bytes, code] of [
      [1043, 'FRAME_TRUNCATED'],
      [1044, undefined],
    ] as const) {
      const [peer, end] = await opened();
      await peer.send(peer.frame(Uint8Array.of(1)).subarray(0, bytes));
      peer.raw.stream.close();
      await peer.rig.clock.advance(1_000);
      expect([end.closed !== undefined, end.closed?.reason?.code]).toEqual([true, code]);
    }
  });

  test('a flood of empty frames delivers nothing and ends nothing', async () => {
    const [peer, end] = await opened();
    for (let i = 0; i < 100; i += 1) await peer.send(peer.frame(new Uint8Array(0)));
    await peer.sendSealed(Uint8Array.of(9));
    expect([end.hex, end.closed]).toEqual(['09', undefined]);
  });

  test('what one hostile peer does is nothing to another connection', async () => {
    const [hostile, lost] = await opened();
    const [other, kept] = await opened();
    await hostile.send(new Uint8Array(1044));
    await other.sendSealed(Uint8Array.of(4));
    expect([lost.closed !== undefined, kept.hex, kept.closed]).toEqual([true, '04', undefined]);
  });
});

describe('a stream that is over', () => {
  test('before the handshake begins gives its own reason', async () => {
    const { clock, near, far } = await connect();
    far.destroy();
    await clock.settle();
    const ours = new Outcome(begin(near, clock, 1));
    await clock.settle();
    expect(ours.error?.code).toBe('RESET');
    expect(clock.timerCount).toBe(0);
  });
});
