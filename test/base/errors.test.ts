import { describe, expect, it } from 'vitest';
import {
  CodedError,
  checkInteger,
  checkOneOf,
  describeReason,
  invariant,
  isCodedError,
} from '../../src/base/errors.ts';

class SampleError extends CodedError<'LATE' | 'FULL'> {}

describe('CodedError', () => {
  it('carries its code, its cause and the name of its class', () => {
    const cause = new Error('below');
    const error = new SampleError('LATE', 'too late by 3 ms', { cause });
    expect([error.code, error.message, error.name, error.cause]).toEqual([
      'LATE',
      'too late by 3 ms',
      'SampleError',
      cause,
    ]);
    expect(error).toBeInstanceOf(Error);
  });

  it('has no cause of its own when none is given', () => {
    expect('cause' in new SampleError('LATE', 'x')).toBe(false);
  });

  it('is recognised with and without a code, and nothing else is', () => {
    const error = new SampleError('FULL', 'full');
    expect([isCodedError(error), isCodedError(error, 'FULL'), isCodedError(error, 'LATE')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([isCodedError(Object.assign(new Error('x'), { code: 'FULL' })), isCodedError(undefined)]).toEqual([
      false,
      false,
    ]);
  });
});

describe('describeReason', () => {
  it.each<[string, unknown, string]>([
    ['a coded error', new SampleError('LATE', 'too late'), 'LATE: too late'],
    ['an error', new RangeError('of 3'), 'RangeError: of 3'],
    ['a string', 'normal', 'normal'],
    ['a shutdown', { shutdown: 'restart' }, 'shutdown: restart'],
    ['a shutdown for an error', { shutdown: new SampleError('FULL', 'f') }, 'shutdown: FULL: f'],
    ['an object', { a: 1 }, '{"a":1}'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['NaN', Number.NaN, 'NaN'],
    ['infinity', Number.POSITIVE_INFINITY, 'Infinity'],
    ['a bigint', 7n, '[object BigInt]'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
  ])('says %s', (_name, reason, text) => {
    expect(describeReason(reason)).toBe(text);
  });

  it('says something of values that refer to themselves', () => {
    const loop: { self?: unknown; shutdown?: unknown } = {};
    loop.self = loop;
    expect(describeReason(loop)).toBe('[object Object]');
    const shutdown: { shutdown?: unknown } = {};
    shutdown.shutdown = shutdown;
    expect(describeReason(shutdown)).toMatch(/^shutdown: /);
  });

  it('is one line', () => {
    expect(describeReason('a\n   b\r\n c')).toBe('a b c');
  });

  it('cuts at charsMax: n - 1 and n characters stay, n + 1 are cut', () => {
    expect(describeReason('abcd', 5)).toBe('abcd');
    expect(describeReason('abcde', 5)).toBe('abcde');
    expect(describeReason('abcdef', 5)).toBe('abcd…');
    expect(describeReason('x'.repeat(1000))).toHaveLength(300);
  });
});

describe('checks at the door', () => {
  it('lets the bounds of an integer pass and names what is beyond them', () => {
    expect([checkInteger('n', 1, 1, 3), checkInteger('n', 3, 1, 3)]).toEqual([1, 3]);
    expect(() => checkInteger('n', 0, 1, 3)).toThrow(new RangeError('option n is 0: expected an integer from 1 to 3'));
    expect(() => checkInteger('n', 4, 1, 3)).toThrow(RangeError);
  });

  it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, '2', undefined, null, 2n])(
    'refuses %s as an integer',
    (value) => {
      expect(() => checkInteger('n', value, 1, 3)).toThrow(RangeError);
    },
  );

  it('says NaN and Infinity as they are', () => {
    expect(() => checkInteger('n', Number.NaN, 1, 3)).toThrow('option n is NaN');
    expect(() => checkInteger('n', Number.POSITIVE_INFINITY, 1, 3)).toThrow('option n is Infinity');
  });

  it('takes one of a closed set and lists the set otherwise', () => {
    expect(checkOneOf('wire', 'archethic', ['archethic', 'mconnection'])).toBe('archethic');
    expect(() => checkOneOf('wire', 'udp', ['archethic', 'mconnection'])).toThrow(
      new RangeError('option wire is udp: expected one of archethic, mconnection'),
    );
  });

  it('tells a broken invariant from a held one', () => {
    expect(() => invariant(true, 'x')).not.toThrow();
    expect(() => invariant(0, 'count fits')).toThrow('invariant: count fits');
  });
});
