/** Listener: accepts connections of others and starts a reader for each, as many as allowed. */
import { GenServer } from '../actors/gen-server.ts';
import type { Protocol } from '../actors/protocol.ts';
import { describeReason } from '../base/errors.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { NetError } from '../net/errors.ts';
import { formatNetAddress, type NetAddress } from '../net/net-address.ts';
import type { ByteStream, TransportListener } from '../net/transport.ts';
import type { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { SupervisorError } from '../supervisor/errors.ts';
import { P2pError } from './errors.ts';
import { type NodeContext, noteFault } from './node-context.ts';
import { Reader } from './reader.ts';
import { RequestRole } from './request-role.ts';

/** @internal */
export interface ListenerOptions {
  readonly context: NodeContext;
  readonly address: NetAddress;
  /** Where the readers of accepted connections live. */
  readonly inbound: DynamicSupervisor;
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

function accept({ context, inbound, wakeUp }: ListenerOptions, stream: ByteStream): void {
  const { counters, limits, logger } = context;
  const { remoteAddress } = stream;
  const refuse = (): void => {
    counters.inboundRefused += 1;
    const text = `${remoteAddress} refused: ${limits.inboundConnectionsMax} connections are open already`;
    noteFault(context, remoteAddress, undefined, new P2pError('FLOOD', text));
    stream.destroy();
  };
  if (inbound.childCount >= limits.inboundConnectionsMax) {
    refuse();
    return;
  }
  const role = new RequestRole(context, wakeUp);
  inbound.startChild(Reader.childSpec('reader', [context, stream, role], { restart: 'temporary' })).then(
    () => {
      counters.inboundAccepted += 1;
    },
    (error) => {
      // Of several in one turn, the last ones can find the room taken by the first.
      if (error instanceof SupervisorError && error.code === 'MAX_CHILDREN') refuse();
      else {
        logger.warn('an accepted connection was dropped', { remoteAddress, reason: describeReason(error) });
        stream.destroy();
      }
    },
  );
}
