/**
 * The address of a peer as the address book and PEX hold it: an id and an IP address, no host name. What IP addresses
 * are worth is in `codec/cometbft-ip.ts`; here it is said of whole addresses. `p2p/netaddress.go`.
 */
import { formatHostPort, formatNodeAddress, isNodeId, type NodeAddress } from '../codec/cometbft-address.ts';
import { formatIp, ipGroupKey, isRoutableIp, isValidIp, parseIp } from '../codec/cometbft-ip.ts';

const PORT_MAX = 65_535;

/** Where a peer can be dialled and by which id it must answer. */
export interface PexAddress {
  /** 40 hex digits. */
  readonly id: string;
  /** An IPv4 or IPv6 address in its shortest form. */
  readonly ip: string;
  /** 0 to 65 535. */
  readonly port: number;
}

/** The address of a node given by IP address; undefined for one given by name. */
export function toPexAddress({ id, host, port }: NodeAddress): PexAddress | undefined {
  const ip = parseIp(host);
  return ip === undefined ? undefined : { id, ip: formatIp(ip), port };
}

/** The same address for those who also take names. */
export function toNodeAddress({ id, ip, port }: PexAddress): NodeAddress {
  return { id, host: ip, port };
}

/** `ID@IP:PORT`; an IPv6 address is in brackets. `netaddress.go String`. */
export function formatPexAddress(address: PexAddress): string {
  return formatNodeAddress(toNodeAddress(address));
}

/** `IP:PORT`. `netaddress.go DialString`. */
export function dialStringOf(address: PexAddress): string {
  return formatHostPort({ host: address.ip, port: address.port });
}

/** Why nobody can have that address, for a human; undefined when somebody can. `netaddress.go Valid`. */
export function invalidReasonOf(address: PexAddress): string | undefined {
  if (!isNodeId(address.id)) return 'the id is not 40 hex digits';
  const ip = parseIp(address.ip);
  if (ip === undefined) return 'it has no IP address';
  if (!Number.isInteger(address.port) || address.port < 0 || address.port > PORT_MAX) return 'the port is none';
  return isValidIp(ip) ? undefined : 'its IP address is unspecified, broadcast or for documentation';
}

/** Whether the address is valid and the open internet can reach it. `netaddress.go Routable`. */
export function isRoutable(address: PexAddress): boolean {
  const ip = parseIp(address.ip);
  return ip !== undefined && invalidReasonOf(address) === undefined && isRoutableIp(ip);
}

/** The network group of the address: whoever owns one address of a group may well own many. `addrbook.go groupKey`. */
export function groupKeyOf(address: PexAddress, isStrict: boolean): string {
  const ip = parseIp(address.ip);
  return ip === undefined ? 'unroutable' : ipGroupKey(ip, isStrict);
}
