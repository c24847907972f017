import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/base/emitter.ts';

type Events = { said: string; error: number };

describe('Emitter', () => {
  it('calls listeners at once, in subscription order, with the value', () => {
    const heard: string[] = [];
    const emitter = new Emitter<Events>();
    emitter.on('said', (text) => heard.push(`a ${text}`));
    emitter.on('said', (text) => heard.push(`b ${text}`));
    emitter.emit('said', 'hi');
    expect(heard).toEqual(['a hi', 'b hi']);
  });

  it('goes on with the other listeners when one throws, and reports it', () => {
    const reported: unknown[] = [];
    const heard: string[] = [];
    const emitter = new Emitter<Events>((error, event) => reported.push([error, event]));
    const failure = new Error('listener');
    emitter.on('said', () => {
      throw failure;
    });
    emitter.on('said', (text) => heard.push(text));
    emitter.emit('said', 'hi');
    expect([heard, reported]).toEqual([['hi'], [[failure, 'said']]]);
  });

  it('drops the exception of a listener when nobody wants it', () => {
    const emitter = new Emitter<Events>();
    emitter.on('said', () => {
      throw new Error('x');
    });
    expect(() => emitter.emit('said', 'hi')).not.toThrow();
  });

  it('does not throw for an event named error without listeners', () => {
    expect(() => new Emitter<Events>().emit('error', 1)).not.toThrow();
  });

  it('takes subscriptions back, one at a time and harmlessly twice', () => {
    const emitter = new Emitter<Events>();
    let count = 0;
    const listener = (): void => {
      count += 1;
    };
    const off = emitter.on('said', listener);
    emitter.on('said', listener);
    off();
    off();
    expect(emitter.listenerCount('said')).toBe(1);
    emitter.emit('said', 'hi');
    expect(count).toBe(1);
    emitter.clear();
    expect(emitter.listenerCount('said')).toBe(0);
  });

  it('calls a once listener once, also when it emits again itself', () => {
    const emitter = new Emitter<Events>();
    const heard: string[] = [];
    emitter.once('said', (text) => {
      heard.push(text);
      if (heard.length < 3) emitter.emit('said', 'again');
    });
    emitter.emit('said', 'first');
    emitter.emit('said', 'second');
    expect(heard).toEqual(['first']);
  });
});
