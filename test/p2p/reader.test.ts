import { describe, expect, it } from 'vitest';
import { exit } from '../../src/actors/process.ts';
import { resume, suspend } from '../../src/actors/sys.ts';
import { Ping } from '../../src/codec/archethic-node-messages.ts';
import { Echo } from '../../src/p2p/built-in-services.ts';
import { READER_BYTES_MAX, READER_FRAMES_MAX } from '../../src/p2p/reader.ts';
import { findNode, findPid, World } from './node-rig.ts';

const PING = Ping.encode({});
const options = { requestsPerConnectionMax: 65_536 };

describe('a full reader', () => {
  it.each([
    [READER_FRAMES_MAX - 1, READER_FRAMES_MAX - 1],
    [READER_FRAMES_MAX, READER_FRAMES_MAX],
    [READER_FRAMES_MAX + 1, READER_FRAMES_MAX],
    [4 * READER_FRAMES_MAX, READER_FRAMES_MAX],
  ])('of %i frames holds %i, leaves the rest to the socket, and loses none', async (count, held) => {
    const world = new World({ wire: 'archethic', isPlain: true });
    const b = await world.node('b', options);
    const raw = await world.dial('raw', b.address);
    await world.clock.settle();
    const reader = findPid(b, 'inbound', 'reader');
    await suspend(reader);
    for (let i = 0; i < count; i += 1) raw.send(b.publicKey, i, PING);
    await world.clock.settle();
    expect(findNode(b, 'inbound', 'reader')?.mailboxLength).toBe(held);
    await resume(reader);
    await world.clock.settle();
    expect(raw.messages.map(({ messageId }) => messageId)).toEqual(Array.from({ length: count }, (_, i) => i));
    raw.stream.destroy();
    await world.stop();
  });

  it('counts bytes too: it holds no more than READER_BYTES_MAX and one frame', async () => {
    const world = new World({ wire: 'archethic', isPlain: true });
    const b = await world.node('b', options);
    const raw = await world.dial('raw', b.address);
    await world.clock.settle();
    const reader = findPid(b, 'inbound', 'reader');
    await suspend(reader);
    const request = Echo.encode({ bytes: new Uint8Array(READER_BYTES_MAX / 4) });
    for (let i = 0; i < 12; i += 1) raw.send(b.publicKey, i, request);
    await world.clock.settle();
    expect(findNode(b, 'inbound', 'reader')?.mailboxLength).toBe(4);
    await resume(reader);
    await world.clock.settle();
    expect(raw.messages).toHaveLength(12);
    raw.stream.destroy();
    await world.stop();
  });

  it('that is killed with frames in it costs its connection, and is counted out once', async () => {
    const world = new World({ wire: 'archethic', isPlain: true });
    const b = await world.node('b', options);
    const raw = await world.dial('raw', b.address);
    await world.clock.settle();
    expect(b.stats()).toMatchObject({ inboundAccepted: 1, inboundOpen: 1 });
    const reader = findPid(b, 'inbound', 'reader');
    await suspend(reader);
    for (let i = 0; i < 10; i += 1) raw.send(b.publicKey, i, PING);
    raw.stream.close();
    await world.clock.settle();
    exit(reader, 'kill');
    await world.clock.advance(2000);
    expect(b.stats()).toMatchObject({ inboundAccepted: 1, inboundOpen: 0, requestsReceived: 0 });
    await world.stop();
    expect(world.clock.timerCount).toBe(0);
  });
});

describe('the frames of a connection', () => {
  it('that came before its end in order are served, and then the reader is gone', async () => {
    const world = new World({ wire: 'archethic', isPlain: true });
    const b = await world.node('b', options);
    const raw = await world.dial('raw', b.address);
    for (let i = 0; i < 3; i += 1) raw.send(b.publicKey, i, PING);
    raw.stream.close();
    await world.clock.settle();
    expect(b.stats()).toMatchObject({ requestsReceived: 3, inboundOpen: 0, faults: 0 });
    expect(findNode(b, 'inbound')?.children).toEqual([]);
    await world.stop();
  });
});
