import { describe, expect, it } from 'vitest';
import { Telemetry, type TelemetryEvent } from '../../src/base/telemetry.ts';

describe('Telemetry', () => {
  it('reaches handlers whose prefix is the name or a whole part of it', () => {
    const heard: string[] = [];
    const telemetry = new Telemetry();
    telemetry.attach('all', '', (event) => heard.push(`all ${event.name}`));
    telemetry.attach('net', 'net', (event) => heard.push(`net ${event.name}`));
    telemetry.attach('exact', 'net.link.open', (event) => heard.push(`exact ${event.name}`));
    for (const name of ['net.link.open', 'net', 'network.up']) telemetry.emit(name);
    expect(heard).toEqual([
      'all net.link.open',
      'net net.link.open',
      'exact net.link.open',
      'all net',
      'net net',
      'all network.up',
    ]);
  });

  it('hands over measurements and metadata', () => {
    const events: TelemetryEvent[] = [];
    const telemetry = new Telemetry();
    telemetry.attach('a', '', (event) => events.push(event));
    telemetry.emit('call', { rttMs: 3 }, { remote: 'ab' });
    telemetry.emit('bare');
    expect(events).toEqual([
      { name: 'call', measurements: { rttMs: 3 }, metadata: { remote: 'ab' } },
      { name: 'bare', measurements: {}, metadata: {} },
    ]);
  });

  it('detaches and reports a handler that throws, and goes on with the others', () => {
    const errors: unknown[] = [];
    let count = 0;
    const nothing = (): void => {};
    const telemetry = new Telemetry({
      debug: nothing,
      info: nothing,
      warn: nothing,
      error: (_message, fields) => errors.push(fields?.id),
    });
    telemetry.attach('bad', '', () => {
      throw new Error('x');
    });
    telemetry.attach('good', '', () => {
      count += 1;
    });
    telemetry.emit('a');
    telemetry.emit('a');
    expect([count, errors, telemetry.detach('bad')]).toEqual([2, ['bad'], false]);
  });

  it('refuses an id twice and knows whether anybody listens', () => {
    const telemetry = new Telemetry();
    expect(telemetry.isActive).toBe(false);
    telemetry.attach('a', '', () => {});
    expect(() => telemetry.attach('a', 'x', () => {})).toThrow(RangeError);
    expect(telemetry.isActive).toBe(true);
    expect([telemetry.detach('a'), telemetry.isActive]).toEqual([true, false]);
  });
});
