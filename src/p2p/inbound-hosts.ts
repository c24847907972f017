/**
 * How many connections each host has made to us: one of them must not take the room of all. A host is an IPv4 address, or
 * the /64 network of an IPv6 address, which is the least a provider gives to one customer (RFC 6177 §2).
 *
 * Used by the listener of a node and by the table of a switch.
 */
import { formatIp, isIpv4, parseIp } from '../codec/cometbft-ip.ts';
import { parseNetAddress } from '../net/net-address.ts';

/** Bytes of an IPv6 address that tell one customer of a provider from another: 64 bits. */
const IPV6_NETWORK_BYTES = 8;

/** Connections by host; as many entries as there are hosts with a connection. @internal */
export class InboundHosts {
  readonly #perHostMax: number;
  readonly #counts = new Map<string, number>();

  constructor(perHostMax: number) {
    this.#perHostMax = perHostMax;
  }

  /** Hosts with a connection. */
  get hostCount(): number {
    return this.#counts.size;
  }

  /** Counts one more connection of a host; false, and not counted, when it has as many as it may. */
  take(host: string): boolean {
    const key = hostKeyOf(host);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#perHostMax) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  /** Gives one back that {@link InboundHosts.take} has counted. */
  release(host: string): void {
    const key = hostKeyOf(host);
    const count = this.#counts.get(key) ?? 0;
    if (count <= 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
  }
}

/** What two addresses of one host have in common; names of a simulation stand for themselves. @internal */
export function hostKeyOf(host: string): string {
  const zone = host.indexOf('%');
  const ip = parseIp(zone < 0 ? host : host.slice(0, zone));
  if (ip === undefined) return host;
  if (isIpv4(ip)) return formatIp(ip);
  return `${formatIp(ip.slice().fill(0, IPV6_NETWORK_BYTES))}/64`;
}

/** The host of an address as a transport writes it: what stands for an IP address here. @internal */
export function hostOf(remoteAddress: string): string {
  try {
    return parseNetAddress(remoteAddress).host;
  } catch {
    return remoteAddress;
  }
}
