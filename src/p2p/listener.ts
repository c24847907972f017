/** Listener: accepts connections of others and starts a reader for each, as many as allowed. */
import { GenServer } from '../actors/gen-server.ts';
import { asProcess } from '../actors/process.ts';
import type { Protocol } from '../actors/protocol.ts';
import { describeReason } from '../base/errors.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { NetError } from '../net/errors.ts';
import { formatNetAddress, type NetAddress } from '../net/net-address.ts';
import type { ByteStream, TransportListener } from '../net/transport.ts';
import type { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { SupervisorError } from '../supervisor/errors.ts';
import { P2pError } from './errors.ts';
import { hostOf, type InboundHosts } from './inbound-hosts.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import { Reader } from './reader.ts';
import { RequestRole } from './request-role.ts';

/** @internal */
export interface ListenerOptions {
  readonly context: NodeContext;
  readonly address: NetAddress;
  /** Where the readers of accepted connections live. */
  readonly inbound: DynamicSupervisor;
  /** Their hosts. */
  readonly hosts: InboundHosts;
  /** Told of the sender of every request that verified. */
  readonly wakeUp: (publicKey: PublicKey) => void;
}

interface ListenerState {
  readonly listener: TransportListener;
}

/** @internal */
export class Listener extends GenServer<ListenerState, Protocol, [ListenerOptions]> {
  /** @throws NetError `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `ADDRESS_INVALID`: the start of the node fails with it. */
  async init(options: ListenerOptions): Promise<ListenerState> {
    this.self.trapExit(true);
    const { context, address } = options;
    const transport = context.transports.get(address.scheme);
    if (transport === undefined) {
      throw new NetError('ADDRESS_INVALID', `no transport for ${formatNetAddress(address)}`);
    }
    // A restarted listener must come back where others know it, not on another free port.
    const wanted = address.port === 0 ? (context.listenAddress ?? address) : address;
    const listener = await transport.listen(wanted, (stream) => accept(options, stream));
    this.self.signal.addEventListener('abort', () => void listener.close(), { once: true });
    context.listenAddress = listener.address;
    context.logger.info('listening', { address: formatNetAddress(listener.address) });
    context.events.emit('listening', { address: listener.address });
    return { listener };
  }

  override async terminate(_reason: unknown, { listener }: ListenerState): Promise<void> {
    await listener.close();
  }

  override inspect({ listener }: ListenerState): Readonly<Record<string, string | number>> {
    return { at: formatNetAddress(listener.address), open: listener.connectionCount };
  }
}

function accept({ context, inbound, hosts, wakeUp }: ListenerOptions, stream: ByteStream): void {
  const { counters, limits, logger } = context;
  const { remoteAddress } = stream;
  const host = hostOf(remoteAddress);
  const refuse = (code: 'FLOOD' | 'INBOUND_PER_HOST_MAX', what: string): void => {
    counters.inboundRefused += 1;
    noteFault(context, remoteAddress, undefined, new P2pError(code, `${remoteAddress} refused: ${what} already`));
    stream.destroy();
  };
  const refuseFull = (): void => refuse('FLOOD', `${limits.inboundConnectionsMax} connections are open`);
  if (inbound.childCount >= limits.inboundConnectionsMax) {
    refuseFull();
    return;
  }
  if (!hosts.take(host)) {
    refuse('INBOUND_PER_HOST_MAX', `${limits.inboundPerHostMax} connections of its host are open`);
    return;
  }
  const role = new RequestRole(context, wakeUp);
  inbound.startChild(Reader.childSpec('reader', [context, stream, role], { restart: 'temporary' })).then(
    (pid) => {
      counters.inboundAccepted += 1;
      const reader = asProcess(pid);
      if (reader.isAlive) reader.onExit(() => hosts.release(host));
      else hosts.release(host);
    },
    (error) => {
      hosts.release(host);
      // Of several in one turn, the last ones can find the room taken by the first.
      if (error instanceof SupervisorError && error.code === 'MAX_CHILDREN') refuseFull();
      else {
        logger.warn('an accepted connection was dropped', { remoteAddress, reason: describeReason(error) });
        stream.destroy();
      }
    },
  );
}
