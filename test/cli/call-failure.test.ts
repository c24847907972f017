/** The line of a call without a reply: what is said of what was found. */
import { expect, test } from 'vitest';
import { callFailure, dialFailure, type FailedCall } from '../../src/cli/call-failure.ts';
import type { ProbeResult } from '../../src/cli/wire-probe.ts';
import { CodecError } from '../../src/codec/errors.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { NetError } from '../../src/net/errors.ts';
import { P2pError } from '../../src/p2p/errors.ts';
import { SwitchError } from '../../src/p2p/switch-errors.ts';

const { publicKey } = defaultEngine().keyPairFromSeed(new TextEncoder().encode('somebody'));
const peer = { publicKey, address: { scheme: 'tcp', host: 'a', port: 1 } };

const FULL_NODE = 'if it is a CometBFT node, it takes no calls: look at it with genmesh peer';
const WRONG_WIRE = `what is there speaks wire mconnection, not archethic: if it is a genmesh node, give --wire mconnection; ${FULL_NODE}`;

function never(): Promise<ProbeResult> {
  throw new Error('nothing is in doubt here');
}

async function dialLine(reason: unknown, found?: ProbeResult): Promise<string> {
  const probe = found === undefined ? never : async (): Promise<ProbeResult> => found;
  const { message } = await dialFailure(reason, { peer, probe });
  expect(message).toMatch(/^cannot reach tcp:\/\/a:1: [^\n]+$/);
  return message.slice('cannot reach tcp://a:1: '.length);
}

async function callLine(error: unknown, call: Partial<FailedCall>): Promise<string> {
  const facts = { name: 'Ping', peer, wire: 'archethic', timeoutMs: 70, fault: undefined, probe: never } as const;
  return ((await callFailure(error, { ...facts, ...call })) as Error).message;
}

test('each way a dial fails is named, and nothing is looked at where it is in no doubt', async () => {
  expect(await dialLine(new NetError('UNREACHABLE', 'x'))).toContain('does not exist or there is no way');
  expect(await dialLine(new NetError('DIAL_TIMEOUT', 'x'))).toMatch(/longer with --timeout.*firewalls/);
  expect(await dialLine(new NetError('RESET', 'x'))).toMatch(/reset the connection at once \(RESET\): it may be full/);
  expect(await dialLine(new NetError('IO_FAILED', 'EWHATEVER'))).toBe('EWHATEVER (IO_FAILED)');
  expect(await dialLine(new SwitchError('INCOMPATIBLE', 'x'))).toContain('of another network (INCOMPATIBLE)');
  expect(await dialLine(new SwitchError('PEER_CLOSED', 'x'))).toContain('may be full');
  expect(await dialLine('odd')).toBe('the dial failed');
  const other = new SwitchError('AUTH_FAILURE', 'x', { peerId: 'ab' });
  const notIt = `another node is there: ${publicKey} is not its key; if it is a genmesh node, take the address it printed`;
  expect(await dialLine(other)).toBe(`${notIt}; ${FULL_NODE}`);
  const known = new SwitchError('HANDSHAKE_FAILED', 'no NodeInfo', { peerId: 'ab' });
  expect(await dialLine(known)).toBe('no NodeInfo (HANDSHAKE_FAILED)');
});

test.each(['AUTH_FAILURE', 'HANDSHAKE_FAILED', 'HANDSHAKE_TIMEOUT'] as const)(
  'a handshake that ends with %s is the other wire only where that answered, else what happened, with its code',
  async (code) => {
    const reason = new SwitchError(code, 'it broke off');
    expect(await dialLine(reason, 'archethic')).toBe(
      `the node there speaks wire archethic, not mconnection (${code}): give --wire archethic`,
    );
    for (const found of ['mconnection', 'closed', 'silent', 'unreachable', 'other'] as const) {
      const line = await dialLine(reason, found);
      expect(line).toContain(`(${code})`);
      expect(line).not.toContain('archethic');
    }
    expect(await dialLine(reason, 'mconnection')).toMatch(/^it broke off \(\w+\): it speaks wire mconnection, so try/);
    expect((await dialLine(reason, 'silent')).includes('says nothing')).toBe(code === 'HANDSHAKE_TIMEOUT');
    expect(await dialLine(reason, 'closed')).toContain('may be full');
    expect(await dialLine(reason, 'other')).toContain('is no genmesh node');
  },
);

test('what says something that is no handshake is no node, though it says nothing to a greeting', async () => {
  const nonsense = new CodecError('INVALID_VALUE', 'BytesValue: 60 bytes: is no protobuf message');
  const reason = new SwitchError('HANDSHAKE_FAILED', nonsense.message, { cause: nonsense });
  for (const found of ['silent', 'closed', 'unreachable'] as const) {
    expect(await dialLine(reason, found)).toBe(
      'what answers there is no genmesh node (HANDSHAKE_FAILED): check host and port',
    );
  }
  expect(await dialLine(reason, 'archethic')).toContain('give --wire archethic');
});

test('a call on wire archethic that was not answered in time says what is there', async () => {
  const late = new P2pError('TIMEOUT', 'x');
  const line = (found: ProbeResult): Promise<string> => callLine(late, { probe: async () => found });
  const start = 'Ping to tcp://a:1 got no reply in 70 ms';
  expect(await line('mconnection')).toBe(`${start}: ${WRONG_WIRE}`);
  expect(await line('other')).toBe(`${start}: what answers there is no genmesh node: check host and port`);
  for (const found of ['silent', 'closed'] as const) {
    expect(await line(found)).toMatch(/70 ms, and what is there answers no heartbeat either: check host and port/);
  }
  for (const found of ['archethic', 'unreachable'] as const) {
    expect(await line(found)).toBe(`${start}: give it longer with --timeout, or look at the node there`);
  }
});

test('a call on wire archethic that was closed is the other wire only where that answered', async () => {
  const closed = new P2pError('CLOSED', 'closed by the other end');
  const look = (found: ProbeResult) => ({ probe: async (): Promise<ProbeResult> => found });
  expect(await callLine(closed, look('mconnection'))).toBe(`Ping to tcp://a:1 was not answered: ${WRONG_WIRE}`);
  expect(await callLine(closed, look('archethic'))).toMatch(
    /^Ping to tcp:\/\/a:1 was not answered, .*\(CLOSED\): is \w{6}\.\. the public key of the node there\?$/,
  );
  expect(await callLine(closed, look('closed'))).toMatch(/the node there, and a node of wire archethic there\?$/);
  const fault = new NetError('FRAME_INVALID', 'too long');
  expect(await callLine(closed, { fault, ...look('mconnection') })).toContain('give --wire mconnection');
  expect(await callLine(closed, { fault, ...look('other') })).toMatch(
    /no frame \(FRAME_INVALID: too long\).*host and port$/,
  );
});

test('a call that failed otherwise is told as it is, without a look', async () => {
  const closed = new P2pError('CLOSED', 'it went away');
  expect(await callLine(closed, { wire: 'mconnection' })).toBe(
    'Ping to tcp://a:1 was not answered (CLOSED): it went away',
  );
  const fault = new P2pError('AUTH_FAILURE', 'forged');
  expect(await callLine(closed, { fault })).toMatch(/a reply that does not hold \(AUTH_FAILURE: forged\): is /);
  expect(await callLine(new P2pError('TIMEOUT', 'x'), { wire: 'mconnection' })).toContain('got no reply in 70 ms');
  expect(await callLine(new P2pError('QUEUE_FULL', 'no room'), {})).toBe('no room (QUEUE_FULL)');
  const odd = new Error('not ours');
  expect(
    await callFailure(odd, { name: 'x', peer, wire: 'archethic', timeoutMs: 1, fault: undefined, probe: never }),
  ).toBe(odd);
});
