/**
 * Where a CometBFT node is and by which id it must answer: `ID@HOST:PORT` (`p2p/netaddress.go NewNetAddressString`). The
 * id is the hash of the node key in hex (`p2p/key.go PubKeyToID`), computed in `crypto/node-key.ts`. Pure: host names
 * are not looked up.
 */
import { formatIp, parseIp } from './cometbft-ip.ts';
import { CodecError } from './errors.ts';

/** Bytes of a node id; twice as many hex digits. */
export const NODE_ID_BYTES = 20;

/** Longest text of a node address, in characters: scheme, id, a host name of 253, port. */
export const NODE_ADDRESS_CHARS_MAX = 330;

const PORT_MAX = 65_535;
const HOST_CHARS_MAX = 253;
const HOST_LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** A node and where it is. */
export interface NodeAddress {
  /** 40 hex digits. Compared as text, though either case is read: nodes write lower case. */
  readonly id: string;
  /** IP address in its shortest form, without brackets, or a host name. */
  readonly host: string;
  /** 0 to 65 535. */
  readonly port: number;
}

/**
 * Reads `ID@HOST:PORT`, with or without a scheme (`tcp://`) before it, which is ignored; an IPv6 host is in brackets.
 *
 * Differs from CometBFT in that a host name stays one, and that what cannot be a host name is refused at once.
 *
 * @throws {@link CodecError} `INVALID_VALUE` naming the part that is wrong.
 */
export function parseNodeAddress(text: string): NodeAddress {
  if (text.length > NODE_ADDRESS_CHARS_MAX) {
    throw new CodecError(
      'INVALID_VALUE',
      `a node address of ${text.length} characters: at most ${NODE_ADDRESS_CHARS_MAX}`,
    );
  }
  const address = withoutScheme(text);
  const parts = address.split('@');
  if (parts.length !== 2) throw invalid(text, 'expected ID@HOST:PORT');
  const [id = '', hostPort = ''] = parts;
  if (!isNodeId(id)) throw invalid(text, `the id is not ${2 * NODE_ID_BYTES} hex digits`);
  return { id, ...parseHostPort(text, hostPort) };
}

/** Writes an address as {@link parseNodeAddress} reads it. */
export function formatNodeAddress(address: NodeAddress): string {
  return `${address.id}@${formatHostPort(address)}`;
}

/** `HOST:PORT`: what to dial. */
export function formatHostPort(address: Pick<NodeAddress, 'host' | 'port'>): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Whether `text` is a node id: 40 hex digits of either case. `p2p/netaddress.go validateID`. */
export function isNodeId(text: string): boolean {
  return text.length === 2 * NODE_ID_BYTES && /^[0-9A-Fa-f]*$/.test(text);
}

/** What stands behind the first `://`, if there is one. */
function withoutScheme(text: string): string {
  return text.split('://')[1] ?? text;
}

/** `net.SplitHostPort`, then the host and the port each. */
function parseHostPort(text: string, hostPort: string): { readonly host: string; readonly port: number } {
  const colon = hostPort.lastIndexOf(':');
  const bracketEnd = hostPort.lastIndexOf(']');
  if (colon < 0 || colon < bracketEnd) throw invalid(text, 'the port is missing');
  const hostText = hostPort.slice(0, colon);
  const isBracketed = hostText.startsWith('[') && hostText.endsWith(']');
  if (!isBracketed && hostText.includes(':')) throw invalid(text, 'an IPv6 host is written in brackets');
  const portText = hostPort.slice(colon + 1);
  if (!/^[0-9]{1,6}$/.test(portText) || Number(portText) > PORT_MAX) {
    throw invalid(text, `the port is not a number from 0 to ${PORT_MAX}`);
  }
  const name = isBracketed ? hostText.slice(1, -1) : hostText;
  if (name === '') throw invalid(text, 'the host is empty');
  const ip = parseIp(name);
  if (ip === undefined && (isBracketed || !isHostName(name))) {
    throw invalid(text, 'the host is neither an IP address nor a name');
  }
  return { host: ip === undefined ? name : formatIp(ip), port: Number(portText) };
}

function isHostName(name: string): boolean {
  // What looks like numbers and dots is an IPv4 address or nothing: resolvers read 127.1 as they like.
  if (name.length > HOST_CHARS_MAX || /^[0-9.]+$/.test(name)) return false;
  return name.split('.').every((label) => HOST_LABEL.test(label));
}

function invalid(text: string, fault: string): CodecError {
  const shown = text.length <= 80 ? text : `${text.slice(0, 79)}…`;
  return new CodecError('INVALID_VALUE', `node address ${JSON.stringify(shown)}: ${fault}`);
}
