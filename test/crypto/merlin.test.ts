import { describe, expect, test } from 'vitest';
import { bytesToHex } from '../../src/codec/hex.ts';
import { MerlinTranscript, TRANSCRIPT_CHALLENGE_BYTES_MAX } from '../../src/crypto/merlin.ts';

const text = new TextEncoder();

describe('a Merlin transcript', () => {
  test("gives the challenge of the Merlin library's own test", () => {
    const transcript = new MerlinTranscript('test protocol');
    transcript.append('some label', text.encode('some data'));
    const challenge = transcript.extract('challenge', 32);
    expect(bytesToHex(challenge)).toBe('d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615');
  });

  test('gives the last challenge of the long test of the Merlin library', () => {
    // merlin/src/transcript.rs equivalence_complex: 32 rounds of a challenge that becomes a message.
    const transcript = new MerlinTranscript('test protocol');
    transcript.append('step1', text.encode('some data'));
    const data = new Uint8Array(1024).fill(99);
    let challenge: Uint8Array = new Uint8Array(0);
    for (let round = 0; round < 32; round += 1) {
      challenge = transcript.extract('challenge', 32);
      transcript.append('bigdata', data);
      transcript.append('challengedata', challenge);
    }
    expect(bytesToHex(challenge)).toBe('a8c933f54fae76e3f9bea93648c1308e7dfa2152dd51674ff3ca438351cf003c');
  });

  test('tells a message under one label from the same under another, and where one ends', () => {
    const challengeOf = (...messages: readonly (readonly [string, string])[]): string => {
      const transcript = new MerlinTranscript('p');
      for (const [label, message] of messages) transcript.append(label, text.encode(message));
      return bytesToHex(transcript.extract('c', 16));
    };
    const all = [
      challengeOf(['a', 'b']),
      challengeOf(['b', 'b']),
      challengeOf(['a', 'bb']),
      challengeOf(['a', 'b'], ['a', '']),
      challengeOf(['a', ''], ['a', 'b']),
      challengeOf(),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(challengeOf(['a', 'b'])).toBe(all[0]);
  });

  test.each([0, 1, 165, 166, 167, TRANSCRIPT_CHALLENGE_BYTES_MAX])('gives a challenge of %i bytes', (length) => {
    expect(new MerlinTranscript('p').extract('c', length).length).toBe(length);
  });

  test.each([-1, 1.5, TRANSCRIPT_CHALLENGE_BYTES_MAX + 1])('gives no challenge of %d bytes', (length) => {
    expect(() => new MerlinTranscript('p').extract('c', length)).toThrow(RangeError);
  });
});
