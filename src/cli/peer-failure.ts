/** Why a node did not take us as a peer, in one line that says what to do. */
import { formatHostPort, type NodeAddress } from '../codec/cometbft-address.ts';
import { CodecError } from '../codec/errors.ts';
import { CryptoError } from '../crypto/errors.ts';
import { NetError } from '../net/errors.ts';
import { causeOf } from '../p2p/errors.ts';
import type { SwitchError } from '../p2p/switch-errors.ts';
import { CliError } from './errors.ts';
import { plainText } from './peer-sighting.ts';

/** The line for a peer that could not be joined. */
export function joinFailure(error: SwitchError, address: NodeAddress, network: string): CliError {
  const why = failureText(error, address, network);
  return new CliError('CALL_FAILED', `cannot join ${formatHostPort(address)}: ${why}`, { cause: error });
}

/** Why a dial led to no peer, and what to do. */
export function failureText(error: SwitchError, address: NodeAddress, network: string): string {
  return REASONS[error.code]?.(error, address, network) ?? plainText(error.message);
}

type Reason = (error: SwitchError, address: NodeAddress, network: string) => string;

const noNode: Reason = () =>
  'what answers there is no CometBFT node: give its peer-to-peer port (26656), not RPC (26657)';

/**
 * A node that does not want us closes without a byte, before it knows who we are: as a rule for a second connection from one
 * IP address, which it takes only with `allow_duplicate_ip`.
 */
const brokenHandshake: Reason = (error, address, network) => {
  const isNonsense = causeOf(error, CodecError) !== undefined || causeOf(error, CryptoError) !== undefined;
  if (isNonsense) return noNode(error, address, network);
  return TURNED_AWAY;
};

const TURNED_AWAY =
  'it closed the connection during the handshake: it may be full, or have a peer of our IP address already (allow_duplicate_ip), or be no CometBFT node';

/** The network of a node that is not ours, when it was turned away for that. */
export function networkOf(error: SwitchError): string | undefined {
  const other = error.code === 'INCOMPATIBLE' ? /network "([^"]*)"/.exec(error.message)?.[1] : undefined;
  return other === undefined ? undefined : plainText(other);
}

const REASONS: { readonly [code in string]?: Reason } = {
  DIAL_FAILED: (error) => dialReason(error.cause),
  AUTH_FAILURE: (error, { id }) => {
    const found = error.peerId;
    const is = found === undefined ? 'another node' : `the node ${found}`;
    return `${is} answers there, not ${id}: check the id with cometbft show-node-id`;
  },
  INCOMPATIBLE: (error, _address, network) => {
    const name = networkOf(error);
    if (name === undefined) return plainText(error.message);
    return `the node is of network ${name}, not ${network}: give --network ${name} if that is meant`;
  },
  HANDSHAKE_FAILED: brokenHandshake,
  HANDSHAKE_TIMEOUT: () =>
    'it took the connection and did not shake hands in time: give the peer-to-peer port (26656) of a CometBFT node, not RPC (26657), or look at the node there',
  SELF: () => 'that node has our own key: give another --key',
  PEER_CLOSED: () => 'the node closed the connection: it may be full, or have a peer with our key already; try again',
  NODE_INFO_INVALID: (error) => `what the node says of itself does not hold (${plainText(error.message)})`,
};

function dialReason(cause: unknown): string {
  const code = cause instanceof NetError ? cause.code : undefined;
  if (code === 'CONNECTION_REFUSED') return 'nobody listens there: start the node, or check host and port';
  if (code === 'UNREACHABLE') return 'the host does not exist or there is no way to it: check the address';
  if (code === 'DIAL_TIMEOUT') return 'no answer to the connection request: check the address, and firewalls between';
  if (code === 'RESET') return TURNED_AWAY;
  return cause instanceof Error ? plainText(cause.message) : 'the dial failed';
}
