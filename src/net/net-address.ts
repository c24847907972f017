/**
 * Where a transport dials or listens, as a value and as text: `tcp://127.0.0.1:30002`, `tcp://[::1]:30002`,
 * `memory://a:1`. Pure; the scheme says which transport takes it.
 */
import { NetError } from './errors.ts';

/** Longest text that {@link parseNetAddress} reads, in characters: scheme, a host name of 253, and the port. */
export const NET_ADDRESS_CHARS_MAX = 300;
/** Longest host name, in characters (RFC 1035 §2.3.4, without the root label). */
export const NET_HOST_CHARS_MAX = 253;
/** Highest port. */
export const NET_PORT_MAX = 65_535;

/** A place on a network. */
export interface NetAddress {
  /** Which transport: lower-case letters, digits, `+`, `.` and `-`, beginning with a letter. */
  readonly scheme: string;
  /** IPv4 address, IPv6 address without brackets, or host name. */
  readonly host: string;
  /** 0 to 65 535; 0 asks a listener for any free port. */
  readonly port: number;
}

const SCHEME = /^[a-z][a-z0-9+.-]{0,31}$/;
const HOST_LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const OCTET = '(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const DIGITS = /^(?:0|[1-9][0-9]{0,4})$/;

/**
 * Reads `scheme://host:port`; an IPv6 host is in brackets (RFC 3986 §3.2.2). Nothing may follow the port.
 *
 * @throws {@link NetError} `ADDRESS_INVALID` naming the part that is wrong.
 */
export function parseNetAddress(text: string): NetAddress {
  if (text.length > NET_ADDRESS_CHARS_MAX) {
    throw new NetError('ADDRESS_INVALID', `an address of ${text.length} characters: at most ${NET_ADDRESS_CHARS_MAX}`);
  }
  const schemeEnd = text.indexOf('://');
  if (schemeEnd < 0) throw invalid(text, 'expected scheme://host:port');
  const rest = text.slice(schemeEnd + 3);
  const portStart = rest.lastIndexOf(':');
  const bracketEnd = rest.lastIndexOf(']');
  if (portStart < 0 || portStart < bracketEnd) throw invalid(text, 'expected a port after the host');
  const portText = rest.slice(portStart + 1);
  if (!DIGITS.test(portText)) throw invalid(text, `the port is not a number from 0 to ${NET_PORT_MAX}`);
  const hostText = rest.slice(0, portStart);
  const isBracketed = hostText.startsWith('[') && hostText.endsWith(']');
  if (!isBracketed && hostText.includes(':')) throw invalid(text, 'an IPv6 host is written in brackets');
  const host = isBracketed ? hostText.slice(1, -1) : hostText;
  if (isBracketed && !isIpv6(host)) throw invalid(text, 'the host in brackets is not an IPv6 address');
  const address = { scheme: text.slice(0, schemeEnd), host, port: Number(portText) };
  const fault = faultOf(address);
  if (fault !== undefined) throw invalid(text, fault);
  return address;
}

/**
 * Writes `address` as {@link parseNetAddress} reads it.
 *
 * @throws {@link NetError} `ADDRESS_INVALID` when it is not an address.
 */
export function formatNetAddress(address: NetAddress): string {
  const { scheme, host, port } = address;
  const fault = faultOf(address);
  if (fault !== undefined) throw invalid(`${scheme}://${host}:${port}`, fault);
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Checks an address that came as a value.
 *
 * @param scheme - the scheme it must have.
 * @returns `address`.
 * @throws {@link NetError} `ADDRESS_INVALID` when a part is wrong or the scheme is another one.
 */
export function checkNetAddress(address: NetAddress, scheme: string): NetAddress {
  const fault = faultOf(address);
  if (fault !== undefined) throw invalid(`${address.scheme}://${address.host}:${address.port}`, fault);
  if (address.scheme !== scheme) {
    throw invalid(formatNetAddress(address), `this transport takes ${scheme}:// addresses`);
  }
  return address;
}

function faultOf({ scheme, host, port }: NetAddress): string | undefined {
  // Values come from users of plain JavaScript, too; a pattern would read `undefined` as a word.
  if (typeof scheme !== 'string') return 'the scheme is not text';
  if (typeof host !== 'string') return 'the host is not text';
  if (!SCHEME.test(scheme)) return 'the scheme is not lower-case letters, digits, + . or -';
  if (!Number.isInteger(port) || port < 0 || port > NET_PORT_MAX) {
    return `the port is not a number from 0 to ${NET_PORT_MAX}`;
  }
  if (host === '') return 'the host is empty';
  if (host.includes(':')) return isIpv6(host) ? undefined : 'the host is not an IPv6 address';
  // What looks like numbers and dots is an IPv4 address or nothing: resolvers read 127.1 and 0x7f.1 as they like.
  if (/^[0-9.]+$/.test(host)) return isIpv4(host) ? undefined : 'the host is not an IPv4 address';
  if (host.length > NET_HOST_CHARS_MAX || !host.split('.').every((label) => HOST_LABEL.test(label))) {
    return 'the host is not a host name';
  }
  return undefined;
}

/** Says whether `host` is four numbers from 0 to 255 in the one way that everybody reads alike. @internal */
export function isIpv4(host: string): boolean {
  return IPV4.test(host);
}

/** RFC 4291 §2.2, with an optional zone (RFC 4007 §11). */
function isIpv6(host: string): boolean {
  const [address = '', zone, ...more] = host.split('%');
  if (more.length > 0 || (zone !== undefined && !/^[A-Za-z0-9_.-]{1,32}$/.test(zone))) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  let groupCount = 0;
  for (const [index, half] of halves.entries()) {
    if (half === '') continue;
    const groups = half.split(':');
    const last = groups.at(-1) as string;
    // A dotted quad may only stand at the very end, for two groups.
    if (last.includes('.') && index === halves.length - 1) {
      if (!isIpv4(last)) return false;
      groups.pop();
      groupCount += 2;
    }
    if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
    groupCount += groups.length;
  }
  return halves.length === 2 ? groupCount <= 7 : groupCount === 8;
}

function invalid(text: string, fault: string): NetError {
  const shown = text.length <= 80 ? text : `${text.slice(0, 79)}…`;
  return new NetError('ADDRESS_INVALID', `address ${JSON.stringify(shown)}: ${fault}`);
}
