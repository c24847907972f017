/**
 * Finds out what speaks at an address, by one connection and one heartbeat of the Archethic wire. Nodes tell themselves apart
 * without a doubt: one of wire mconnection says its ephemeral key before it has heard anything, one of wire archethic answers a
 * heartbeat with a heartbeat, and says nothing else. Called by `genmesh call` once a handshake has failed, since by then both
 * wires, a full node and any other service look alike: the connection was closed.
 */
import type { Clock } from '../base/clock.ts';
import { encodeFrame } from '../codec/frame.ts';
import type { NetAddress } from '../net/net-address.ts';
import { TcpTransport } from '../net/tcp-transport.ts';
import type { ByteStream } from '../net/transport.ts';
import type { Wire } from '../p2p/node-options.ts';

/** Patience with a dial, and with the first bytes then, in ms. */
export const PROBE_TIMEOUT_MS_MAX = 1000;

/**
 * What was found: a wire; `other`, something that says what no node says; `closed`, a connection that ended without a byte;
 * `silent`, one that stands without a byte; `unreachable`, none at all.
 */
export type ProbeResult = Wire | 'other' | 'closed' | 'silent' | 'unreachable';

const HEARTBEAT = encodeFrame(Uint8Array.of(0x68, 0x62)); // "hb"

/** How each wire begins: a delimited BytesValue of 32 bytes, and the answer to a heartbeat. */
const BEGINNINGS: readonly (readonly [wire: Wire, bytes: Uint8Array])[] = [
  ['mconnection', Uint8Array.of(0x22, 0x0a, 0x20)],
  ['archethic', HEARTBEAT],
];

/** @param timeoutMs - patience, 1 and up; at most {@link PROBE_TIMEOUT_MS_MAX}. Never rejects. */
export async function probeWire(address: NetAddress, clock: Clock, timeoutMs: number): Promise<ProbeResult> {
  const patienceMs = Math.min(timeoutMs, PROBE_TIMEOUT_MS_MAX);
  let stream: ByteStream;
  try {
    stream = await new TcpTransport({ clock }).dial(address, { timeoutMs: patienceMs });
  } catch {
    return 'unreachable';
  }
  return new Promise((resolve) => {
    let heard = new Uint8Array(0);
    const end = (result: ProbeResult): void => {
      clock.clearTimer(timer);
      stream.destroy();
      resolve(result);
    };
    const timer = clock.setTimer(() => end(heard.length > 0 ? 'other' : 'silent'), patienceMs);
    stream.open({
      onData(chunk) {
        heard = Uint8Array.of(...heard, ...chunk.subarray(0, HEARTBEAT.length));
        const result = wireOf(heard);
        if (result !== undefined) end(result);
      },
      onDrain() {},
      onClose: () => end(heard.length > 0 ? 'other' : 'closed'),
    });
    stream.write(HEARTBEAT.slice());
  });
}

/** Undefined while it may still be one of them. */
function wireOf(heard: Uint8Array): ProbeResult | undefined {
  const possible = BEGINNINGS.filter(([, bytes]) => bytes.every((byte, i) => i >= heard.length || heard[i] === byte));
  const [first] = possible;
  if (first === undefined) return 'other';
  return heard.length >= first[1].length ? first[0] : undefined;
}
