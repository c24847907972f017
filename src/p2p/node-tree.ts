/** The processes of one node, in start order: what each is made of, and what comes back when one of the tables fails. */
import type { ChildSpec, StartContext } from '../actors/child-spec.ts';
import { startServer } from '../actors/gen-server.ts';
import type { Pid } from '../actors/process.ts';
import type { MaybePromise } from '../actors/protocol.ts';
import { Registry } from '../actors/registry.ts';
import type { ActorSystem } from '../actors/system.ts';
import type { PublicKey } from '../crypto/keys.ts';
import { NetError } from '../net/errors.ts';
import { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import type { ConnectionRef } from './connection.ts';
import { causeOf } from './errors.ts';
import { InboundHosts } from './inbound-hosts.ts';
import { Listener } from './listener.ts';
import { Messaging } from './messaging-switch.ts';
import type { NodeContext, RegistryKey } from './node-context.ts';
import { DirectoryServer, NodeDirectory } from './node-directory.ts';
import { type KeeperRef, RemoteKeeper, type WantedRemote } from './remote-keeper.ts';
import { ServiceKeeper } from './service-keeper.ts';
import { Subscriptions } from './subscriptions.ts';
import type { Switch } from './switch.ts';

/** A running tree and the ways into it. @internal */
export interface NodeTree {
  readonly supervisor: Supervisor;
  /** @throws SupervisorError `CHILD_NOT_RUNNING` on a node that was stopped. */
  readonly keeper: () => KeeperRef;
  readonly services: ServiceKeeper;
  readonly subscriptions: Subscriptions;
  /** On the MConnection wire, while it runs. */
  readonly switch: () => Switch | undefined;
  /** Every remote that was connected to and not disconnected since, by key in hex. */
  readonly wanted: ReadonlyMap<string, WantedRemote>;
}

/**
 * Starts the tree. @throws NetError when the node cannot listen; nothing is left running then.
 *
 * @internal
 */
export async function startTree(context: NodeContext, system: ActorSystem): Promise<NodeTree> {
  const wanted = new Map<string, WantedRemote>();
  const subscriptions = new Subscriptions(context);
  const services = new ServiceKeeper(context, subscriptions);
  const wakeUp = (publicKey: PublicKey): void => wake(context, wanted, publicKey);
  const messaging = context.wire === 'mconnection' ? new Messaging(context, wakeUp) : undefined;
  context.dialer = messaging?.dialer;
  const specs = [
    ...tableSpecs(context, services, subscriptions),
    ...remoteSpecs(context, wanted),
    ...(messaging === undefined
      ? inboundSpecs(context, wakeUp)
      : [supervisorSpec('switch', (start) => messaging.start(start))]),
  ];
  try {
    const supervisor = await Supervisor.startLink(specs, { strategy: 'rest_for_one', system });
    const keeper = (): KeeperRef => supervisor.child('keeper') as KeeperRef;
    return {
      supervisor: supervisor as unknown as Supervisor,
      keeper,
      services,
      subscriptions,
      switch: () => messaging?.switch,
      wanted,
    };
  } catch (error) {
    throw causeOf(error, NetError) ?? error;
  }
}

/** Registry, directory, services. */
function tableSpecs(context: NodeContext, services: ServiceKeeper, subscriptions: Subscriptions): ChildSpec[] {
  const { silenceMs, directoryCapacity } = context.limits;
  return [
    worker('registry', async (start) => {
      context.registry = await Registry.startLink<RegistryKey>(start);
      subscriptions.restore();
      return context.registry;
    }),
    worker('directory', (start) => {
      const self = context.identity.publicKey;
      context.directory = new NodeDirectory(context.clock, { self, silenceMs, capacity: directoryCapacity });
      return startServer(DirectoryServer, [context.directory], start);
    }),
    supervisorSpec('services', (start) => services.startSupervisor(start)),
  ];
}

/** Remotes, keeper. */
function remoteSpecs(context: NodeContext, wanted: Map<string, WantedRemote>): ChildSpec[] {
  const { remotesMax } = context.limits;
  let remotes: DynamicSupervisor | undefined;
  return [
    supervisorSpec('remotes', async (start) => {
      remotes = await DynamicSupervisor.startLink({ ...start, maxChildren: remotesMax });
      return remotes;
    }),
    worker('keeper', (start) => startServer(RemoteKeeper, [context, remotes as DynamicSupervisor, wanted], start)),
  ];
}

/** Inbound, listener: the accepted connections of the Archethic wire. */
function inboundSpecs(context: NodeContext, wakeUp: (publicKey: PublicKey) => void): ChildSpec[] {
  const { inboundConnectionsMax, inboundPerHostMax } = context.limits;
  // Outlives the listener, as the connections do.
  const hosts = new InboundHosts(inboundPerHostMax);
  let inbound: DynamicSupervisor | undefined;
  const specs: ChildSpec[] = [
    supervisorSpec('inbound', async (start) => {
      inbound = await DynamicSupervisor.startLink({ ...start, maxChildren: inboundConnectionsMax });
      return inbound;
    }),
  ];
  const { listen: address } = context;
  if (address === undefined) return specs;
  specs.push(
    worker('listener', (start) =>
      startServer(Listener, [{ context, address, inbound: inbound as DynamicSupervisor, hosts, wakeUp }], start),
    ),
  );
  return specs;
}

/** That remote showed that it is there. */
function wake(context: NodeContext, wanted: ReadonlyMap<string, WantedRemote>, publicKey: PublicKey): void {
  const remote = wanted.get(publicKey.hex);
  if (remote === undefined || remote.counters.state === 'connected') return;
  const connection = context.registry.whereis(`connection/${publicKey.hex}`) as ConnectionRef | undefined;
  connection?.cast('event', { type: 'wakeUp' });
}

function worker(id: string, start: (context: StartContext) => MaybePromise<Pid | { readonly pid: Pid }>): ChildSpec {
  return { id, start };
}

function supervisorSpec(id: string, start: ChildSpec['start']): ChildSpec {
  return { id, start, type: 'supervisor' };
}
