/**
 * ServiceKeeper: the services that were started on a node, each under a supervisor of its own, so that one that keeps failing
 * ends alone. It is no process: it remembers, so that the services come back when their supervisor is restarted.
 */
import type { StartContext } from '../actors/child-spec.ts';
import type { Pid } from '../actors/process.ts';
import { describeReason } from '../base/errors.ts';
import type { MessageType } from '../codec/message.ts';
import { DynamicSupervisor } from '../supervisor/dynamic-supervisor.ts';
import { SupervisorError } from '../supervisor/errors.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { causeOf, P2pError, stoppedError } from './errors.ts';
import type { NodeContext } from './node-context.ts';
import { ServiceServer, type ServiceSpec } from './service.ts';
import type { Subscriptions } from './subscriptions.ts';

interface WantedService {
  readonly spec: ServiceSpec;
  /** `undefined` while it starts. */
  supervisor: Supervisor | undefined;
  /** It ran once: from then on an id that another server took over is left to that one. */
  hasRun: boolean;
}

/** @internal */
export class ServiceKeeper {
  readonly #context: NodeContext;
  readonly #subscriptions: Subscriptions;
  readonly #wanted = new Map<string, WantedService>();
  #services: DynamicSupervisor | undefined;

  constructor(context: NodeContext, subscriptions: Subscriptions) {
    this.#context = context;
    this.#subscriptions = subscriptions;
  }

  /** The start function of the services' supervisor: after a restart the services are started again. */
  async startSupervisor(start: StartContext): Promise<DynamicSupervisor> {
    const services = await DynamicSupervisor.startLink({ ...start });
    this.#services = services;
    for (const wanted of this.#wanted.values()) {
      if (!wanted.hasRun) continue; // its first start failed with the supervisor before, and its caller knows
      try {
        await this.#run(wanted);
      } catch (error) {
        const reason = describeReason(error);
        this.#context.logger.error('a service did not come back', { service: wanted.spec.id, reason });
      }
    }
    return services;
  }

  /** @throws P2pError `ALREADY_SUBSCRIBED`, `STOPPED`. */
  async start(spec: ServiceSpec): Promise<void> {
    const present = this.#wanted.get(spec.id);
    if (present !== undefined && (present.supervisor === undefined || present.supervisor.pid.isAlive)) {
      throw new P2pError('ALREADY_SUBSCRIBED', `service ${spec.id} runs already`);
    }
    const wanted: WantedService = { spec, supervisor: undefined, hasRun: false };
    this.#wanted.set(spec.id, wanted);
    try {
      await this.#run(wanted);
    } catch (error) {
      this.#wanted.delete(spec.id);
      throw causeOf(error, P2pError) ?? stoppedError(error);
    }
  }

  /** @returns whether it ran. */
  async stop(id: string): Promise<boolean> {
    const supervisor = this.#wanted.get(id)?.supervisor;
    this.#wanted.delete(id);
    if (supervisor?.pid.isAlive !== true) return false;
    try {
      await this.#services?.terminateChild(supervisor.pid);
    } catch (error) {
      // It ended by itself meanwhile, or with the whole node: gone is gone.
      if (supervisor.pid.isAlive && error instanceof SupervisorError) throw error;
    }
    return true;
  }

  async #run(wanted: WantedService): Promise<void> {
    const { spec } = wanted;
    const subscribe = (message: MessageType, pid: Pid): void => {
      const owner = this.#subscriptions.subscriber(message);
      if (owner !== undefined && wanted.hasRun) {
        const facts = { service: spec.id, message: message.name, server: owner.label };
        this.#context.logger.warn('a restarted service left a message to the server that took it over', facts);
      } else this.#subscriptions.subscribe(message, pid, {});
    };
    const child = ServiceServer.childSpec(spec.id, [spec, subscribe]);
    const services = this.#services as DynamicSupervisor;
    wanted.supervisor = (await services.startChild(
      Supervisor.childSpec(spec.id, [child], { strategy: 'one_for_one', restart: 'temporary' }),
    )) as unknown as Supervisor;
    wanted.hasRun = true;
  }
}
