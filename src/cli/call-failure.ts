/** Why `genmesh call` has no reply, in one line that says what to do. */
import type { CodedError } from '../base/errors.ts';
import { CodecError } from '../codec/errors.ts';
import { CryptoError } from '../crypto/errors.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { formatNetAddress } from '../net/net-address.ts';
import { causeOf, P2pError } from '../p2p/errors.ts';
import type { Wire } from '../p2p/node-options.ts';
import type { PeerAddress } from '../p2p/peer-address.ts';
import { SwitchError } from '../p2p/switch-errors.ts';
import { CliError } from './errors.ts';
import type { ProbeResult } from './wire-probe.ts';

/** A call that got no reply. */
export interface FailedCall {
  /** Name of the message. */
  readonly name: string;
  readonly peer: PeerAddress;
  readonly wire: Wire;
  readonly timeoutMs: number;
  /** What the node there sent that does not hold. */
  readonly fault: CodedError | undefined;
  /** Looks what is there; asked only where that is in doubt. */
  readonly probe: () => Promise<ProbeResult>;
}

/** The line for a dial that failed, or a connection that was not to be. @internal */
export async function dialFailure(
  reason: unknown,
  { peer, probe }: Pick<FailedCall, 'peer' | 'probe'>,
): Promise<CliError> {
  const code = (reason as { readonly code?: string } | undefined)?.code ?? '';
  let text = DIAL_FAILURES[code];
  if (reason instanceof SwitchError && HANDSHAKE_FAILURES.has(code)) {
    // With an id somebody has proven to have it, so there is no doubt about the wire.
    if (reason.peerId === undefined) text = handshakeFailure(reason, await probe());
    else if (code === 'AUTH_FAILURE') text = anotherNode(peer.publicKey);
  }
  text ??= reason instanceof Error ? withCode(reason.message, code) : 'the dial failed';
  return new CliError('CALL_FAILED', `cannot reach ${formatNetAddress(peer.address)}: ${text}`, { cause: reason });
}

/** Errors of a call that leave open whether a node of this wire is there at all. */
const HANDSHAKE_FAILURES: ReadonlySet<string> = new Set(['AUTH_FAILURE', 'HANDSHAKE_FAILED', 'HANDSHAKE_TIMEOUT']);

const DIAL_FAILURES: { readonly [code in string]?: string } = {
  CONNECTION_REFUSED: 'nobody listens there: start the node, or check host and port',
  UNREACHABLE: 'the host does not exist or there is no way to it: check the address',
  DIAL_TIMEOUT: 'no answer to the connection request: give it longer with --timeout, or check address and firewalls',
  RESET: 'it reset the connection at once (RESET): it may be full, or have too many of this host already; try again',
  INCOMPATIBLE: 'what is there is no genmesh node, or one of another network (INCOMPATIBLE)',
  PEER_CLOSED: 'it closed the connection (PEER_CLOSED): it may be full, or have one with this key already; try again',
};

function handshakeFailure(error: SwitchError, found: ProbeResult): string {
  const { code, message } = error;
  const what = withCode(message, code);
  // What said something that is no handshake is no node, however silent it is where it is only greeted.
  const isNonsense = causeOf(error, CodecError) !== undefined || causeOf(error, CryptoError) !== undefined;
  switch (found) {
    case 'archethic':
      return `the node there speaks wire archethic, not mconnection (${code}): give --wire archethic`;
    case 'mconnection':
      return `${what}: it speaks wire mconnection, so try again, or look at what it logs`;
    case 'other':
      return noNode(code);
    default:
      if (isNonsense) return noNode(code);
      if (found === 'silent' && code === 'HANDSHAKE_TIMEOUT') {
        return `it takes connections and says nothing (${code}): check host and port, or look at the node there`;
      }
      return `${what}: it may be full, or no genmesh node: try again, or check host and port`;
  }
}

const noNode = (code: string): string => `what answers there is no genmesh node (${code}): check host and port`;

/** A full node looks the same on the wire until it knows who asks, and takes no calls whatever it is asked. */
const FULL_NODE = 'if it is a CometBFT node, it takes no calls: look at it with genmesh peer';

function anotherNode(publicKey: PublicKey): string {
  return `another node is there: ${publicKey} is not its key; if it is a genmesh node, take the address it printed; ${FULL_NODE}`;
}

/** The line for a call that was made and got no reply; what is no failure of a call is given back as it is. */
export async function callFailure(error: unknown, call: FailedCall): Promise<unknown> {
  if (!(error instanceof P2pError)) return error;
  const what = `${call.name} to ${formatNetAddress(call.peer.address)}`;
  let why = withCode(error.message, error.code);
  if (error.code === 'TIMEOUT') why = `${what} got no reply in ${call.timeoutMs} ms${await lateWhy(call)}`;
  else if (error.code === 'CLOSED') why = `${what} ${await closedWhy(error, call)}`;
  return new CliError('CALL_FAILED', why, { cause: error });
}

/** Whoever is there on wire mconnection has proven its key before the call; on wire archethic it may be anybody. */
async function lateWhy({ wire, probe }: FailedCall): Promise<string> {
  const found = wire === 'mconnection' ? wire : await probe();
  if (found === 'mconnection' && wire === 'archethic') return `: ${WRONG_WIRE}`;
  if (found === 'other') return ': what answers there is no genmesh node: check host and port';
  if (found === 'silent' || found === 'closed') {
    return ', and what is there answers no heartbeat either: check host and port, or look at the node there';
  }
  return ': give it longer with --timeout, or look at the node there';
}

const WRONG_WIRE = `what is there speaks wire mconnection, not archethic: if it is a genmesh node, give --wire mconnection; ${FULL_NODE}`;

async function closedWhy(error: P2pError, { wire, fault, peer, probe }: FailedCall): Promise<string> {
  if (fault !== undefined && fault.code !== 'FRAME_INVALID') {
    return `got a reply that does not hold (${fault.code}: ${fault.message}): is ${peer.publicKey} the node there?`;
  }
  // Whoever is there on wire mconnection has proven its key before the call.
  if (wire === 'mconnection') return `was not answered (${error.code}): ${error.message}`;
  const found = await probe();
  if (found === 'mconnection') {
    return `was not answered: ${WRONG_WIRE}`;
  }
  if (fault !== undefined) {
    return `got what is no frame (${fault.code}: ${fault.message}): what answers there is no genmesh node: check host and port`;
  }
  const doubt = found === 'archethic' ? '' : ', and a node of wire archethic there';
  return `was not answered, the connection was closed (${error.code}): is ${peer.publicKey} the public key of the node there${doubt}?`;
}

function withCode(message: string, code: string): string {
  return code === '' ? message : `${message} (${code})`;
}
