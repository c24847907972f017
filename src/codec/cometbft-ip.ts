/**
 * IP addresses as CometBFT sees them: which can be another node's, which can be reached from anywhere, and to which
 * group of the address book one belongs (`p2p/netaddress.go`, `p2p/pex/addrbook.go groupKey`). Pure; an address is its
 * 16 bytes, IPv4 as ::ffff:a.b.c.d.
 */

/** Longest text of an IP address, in characters: IPv6 with an IPv4 end (RFC 4291 §2.2). */
export const IP_CHARS_MAX = 45;

const IP_BYTES = 16;
const IPV4_AT = 12;
const V4_MAPPED = network('::ffff:0:0', 96);
const ZERO_V4 = network('0.0.0.0', 96 + 8);
const LOOPBACK_V4 = network('127.0.0.0', 96 + 8);
/** IPv6 documentation addresses, RFC 3849. */
const DOCUMENTATION = network('2001:db8::', 32);
/** Translated addresses that end in an IPv4 address: RFC 6052 and RFC 6145. */
const ENDS_IN_V4 = [network('64:ff9b::', 96), network('::ffff:0:0:0', 96)];
/** 6to4, RFC 3964. */
const SIX_TO_FOUR = network('2002::', 16);
/** Teredo, RFC 4380. */
const TEREDO = network('2001::', 32);
const ONION_CAT = network('fd87:d87e:eb43::', 48);
/** A provider that gives /36 to one customer. */
const HURRICANE_ELECTRIC = network('2001:470::', 32);
const NOT_ROUTABLE = [
  network('10.0.0.0', 96 + 8), // RFC 1918
  network('172.16.0.0', 96 + 12),
  network('192.168.0.0', 96 + 16),
  network('169.254.0.0', 96 + 16), // RFC 3927
  network('fe80::', 64), // RFC 4862
  network('fc00::', 7), // RFC 4193
  network('2001:10::', 28), // RFC 4843
];

interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** The 16 bytes of an address written in any form but with a zone; undefined when `text` is none. */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > IP_CHARS_MAX) return undefined;
  const bytes = new Uint8Array(IP_BYTES);
  if (!text.includes(':')) {
    const quad = parseQuad(text);
    if (quad === undefined) return undefined;
    bytes.set([0xff, 0xff, ...quad], IPV4_AT - 2);
    return bytes;
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const isOpen = halves.length === 2;
  const left = parseGroups(halves[0] as string, !isOpen);
  const right = isOpen ? parseGroups(halves[1] as string, true) : [];
  if (left === undefined || right === undefined) return undefined;
  const count = left.length + right.length;
  if (isOpen ? count > IP_BYTES - 2 : count !== IP_BYTES) return undefined;
  bytes.set(left);
  bytes.set(right, IP_BYTES - right.length);
  return bytes;
}

/** The shortest text of an address: RFC 5952, and dotted for IPv4. */
export function formatIp(ip: Uint8Array): string {
  if (isIpv4(ip)) return ip.subarray(IPV4_AT).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((ip[2 * i] as number) << 8) | (ip[2 * i + 1] as number));
  let best = { start: 0, length: 1 }; // one zero group alone stays a 0
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best.length < 2 ? text(0, 8) : `${text(0, best.start)}::${text(best.start + best.length, 8)}`;
}

/** Whether an address is IPv4, also when it was written as ::ffff:a.b.c.d. */
export function isIpv4(ip: Uint8Array): boolean {
  return contains(V4_MAPPED, ip);
}

/** Whether an address can be a node's at all: not unspecified, not broadcast, not for documentation. `Valid`. */
export function isValidIp(ip: Uint8Array): boolean {
  if (contains(DOCUMENTATION, ip)) return false;
  const rest = isIpv4(ip) ? ip.subarray(IPV4_AT) : ip;
  const isUnspecified = rest.every((byte) => byte === 0);
  const isBroadcast = rest.length === 4 && rest.every((byte) => byte === 255);
  return !isUnspecified && !isBroadcast;
}

/** Whether an address is this host's: loopback, or 0.0.0.0/8. `Local`. */
export function isLocalIp(ip: Uint8Array): boolean {
  if (contains(LOOPBACK_V4, ip) || contains(ZERO_V4, ip)) return true;
  return ip[15] === 1 && ip.subarray(0, 15).every((byte) => byte === 0);
}

/** Whether an address can be reached from anywhere. `Routable`. */
export function isRoutableIp(ip: Uint8Array): boolean {
  return isValidIp(ip) && !isLocalIp(ip) && !NOT_ROUTABLE.some((net) => contains(net, ip));
}

/**
 * The group of an address: whoever has many addresses has few groups. `addrbook.go groupKey`.
 *
 * @param isStrict - whether local and unroutable addresses are a group each, as on a public network.
 * @returns `local`, `unroutable`, `tor:N`, or the network: /16 of IPv4, also of one inside an IPv6 address, /32 of IPv6.
 */
export function ipGroupKey(ip: Uint8Array, isStrict: boolean): string {
  if (isStrict && isLocalIp(ip)) return 'local';
  if (isStrict && !isRoutableIp(ip)) return 'unroutable';
  if (isIpv4(ip) || ENDS_IN_V4.some((net) => contains(net, ip))) return ipv4Group(ip[12], ip[13]);
  if (contains(SIX_TO_FOUR, ip)) return ipv4Group(ip[2], ip[3]);
  // Teredo holds the address with every bit turned over.
  if (contains(TEREDO, ip)) return ipv4Group(~(ip[12] as number) & 0xff, ~(ip[13] as number) & 0xff);
  if (contains(ONION_CAT, ip)) return `tor:${(ip[6] as number) & 0x0f}`;
  const bits = contains(HURRICANE_ELECTRIC, ip) ? 36 : 32;
  const masked = new Uint8Array(IP_BYTES);
  masked.set(ip.subarray(0, 4));
  if (bits === 36) masked[4] = (ip[4] as number) & 0xf0;
  return formatIp(masked);
}

function ipv4Group(first: number | undefined, second: number | undefined): string {
  return `${first}.${second}.0.0`;
}

function contains(net: Network, ip: Uint8Array): boolean {
  const whole = net.bits >> 3;
  for (let i = 0; i < whole; i += 1) {
    if (net.bytes[i] !== ip[i]) return false;
  }
  const mask = 0xff & ~(0xff >> (net.bits & 7));
  return mask === 0 || ((net.bytes[whole] as number) & mask) === ((ip[whole] as number) & mask);
}

function network(text: string, bits: number): Network {
  return { bytes: parseIp(text) as Uint8Array, bits };
}

function parseGroups(half: string, isEnd: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (half === '') return bytes;
  const groups = half.split(':');
  for (const [index, group] of groups.entries()) {
    // A dotted quad may only stand at the very end, for two groups.
    const quad = isEnd && index === groups.length - 1 && group.includes('.') ? parseQuad(group) : undefined;
    if (quad !== undefined) bytes.push(...quad);
    else if (/^[0-9A-Fa-f]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes;
}

function parseQuad(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined;
  }
  return parts.map(Number);
}
