/** The processes of one switch, in start order. */
import type { ChildSpec } from '../actors/child-spec.ts';
import { startServer } from '../actors/gen-server.ts';
import type { Pid } from '../actors/pid.ts';
import type { ActorSystem } from '../actors/system.ts';
import { NetError } from '../net/errors.ts';
import { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import type { TreeNode } from '../supervisor/tree.ts';
import { causeOf } from './errors.ts';
import { ReactorServer } from './reactor-server.ts';
import type { SwitchContext } from './switch-context.ts';
import { type DialerRef, SwitchDialer } from './switch-dialer.ts';
import { SwitchListener } from './switch-listener.ts';

/** A running tree and the ways into it. @internal */
export interface SwitchTree {
  readonly pid: Pid;
  /** @throws SupervisorError `CHILD_NOT_RUNNING` on a switch that was stopped. */
  dialer(): DialerRef;
  snapshot(): TreeNode;
  stop(): Promise<void>;
}

/**
 * Starts the tree. @throws NetError when the switch cannot listen; nothing is left running then.
 *
 * @internal
 */
export async function startSwitchTree(
  context: SwitchContext,
  system: ActorSystem,
  parent: Pid | undefined,
): Promise<SwitchTree> {
  const { slots, limits, table, listen } = context;
  // Every way in has a limit of its own; together they bound the processes.
  const maxChildren = limits.inboundPeersMax + table.unconditionalIds.size + limits.handshakesMax + 2 * limits.dialsMax;
  let connections: DynamicSupervisor | undefined;
  const reactors = slots.map((slot) => ReactorServer.childSpec(slot.spec.id, [context, slot]));
  const specs: ChildSpec[] = [
    Supervisor.childSpec('reactors', reactors, { strategy: 'one_for_one' }) as unknown as ChildSpec,
    {
      id: 'connections',
      type: 'supervisor',
      start: async (start) => {
        connections = await DynamicSupervisor.startLink({ ...start, maxChildren });
        return connections;
      },
    },
    {
      id: 'dialer',
      start: (start) => startServer(SwitchDialer, [context, connections as DynamicSupervisor], start),
    },
  ];
  if (listen !== undefined) {
    specs.push({
      id: 'listener',
      start: (start) => startServer(SwitchListener, [context, listen, connections as DynamicSupervisor], start),
    });
  }
  try {
    const options = { strategy: 'rest_for_one', system, ...(parent === undefined ? {} : { parent }) } as const;
    const supervisor = await Supervisor.startLink(specs, options);
    return {
      pid: supervisor.pid,
      dialer: () => supervisor.child('dialer') as DialerRef,
      snapshot: () => supervisor.tree(),
      stop: () => supervisor.stop('shutdown'),
    };
  } catch (error) {
    throw causeOf(error, NetError) ?? error;
  }
}
