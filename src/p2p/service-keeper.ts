/**
 * ServiceKeeper: the services that were started on a node, each under a supervisor of its own, so that one that keeps failing
 * ends alone. It is no process: it remembers, so that the services come back when their supervisor is restarted, and that
 * one whose own supervisor gave up is started again after `reviveDelayMs`: requests are written by strangers, and a few that
 * a service trips over must not cost everybody else the service.
 */
import type { StartContext } from '../actors/child-spec.ts';
import { asProcess, type Pid } from '../actors/process.ts';
import type { Timer } from '../base/clock.ts';
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
  /** The last one; it may have ended. */
  supervisor: Supervisor | undefined;
  isStarting: boolean;
  /** Runs while it waits to be started again. */
  revival: Timer | undefined;
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
    asProcess(services.pid).onExit(() => {
      for (const wanted of this.#wanted.values()) this.#cancelRevival(wanted);
    });
    for (const wanted of this.#wanted.values()) {
      if (!wanted.hasRun) continue; // its first start failed with the supervisor before, and its caller knows
      try {
        await this.#run(wanted);
      } catch (error) {
        this.#failed(wanted, error);
      }
    }
    return services;
  }

  /** @throws P2pError `ALREADY_SUBSCRIBED`, `STOPPED`. */
  async start(spec: ServiceSpec): Promise<void> {
    const present = this.#wanted.get(spec.id);
    if (present?.isStarting === true || present?.supervisor?.pid.isAlive === true) {
      throw new P2pError('ALREADY_SUBSCRIBED', `service ${spec.id} runs already`);
    }
    this.#cancelRevival(present);
    const wanted: WantedService = { spec, supervisor: undefined, isStarting: false, revival: undefined, hasRun: false };
    this.#wanted.set(spec.id, wanted);
    try {
      await this.#run(wanted);
    } catch (error) {
      if (this.#wanted.get(spec.id) === wanted) this.#wanted.delete(spec.id);
      throw causeOf(error, P2pError) ?? stoppedError(error);
    }
  }

  /** @returns whether it ran. */
  async stop(id: string): Promise<boolean> {
    const wanted = this.#wanted.get(id);
    const supervisor = wanted?.supervisor;
    this.#cancelRevival(wanted);
    this.#wanted.delete(id);
    if (supervisor?.pid.isAlive !== true) return false;
    await this.#terminate(supervisor);
    return true;
  }

  async #terminate(supervisor: Supervisor): Promise<void> {
    try {
      await this.#services?.terminateChild(supervisor.pid);
    } catch (error) {
      // It ended by itself meanwhile, or with the whole node: gone is gone.
      if (supervisor.pid.isAlive && error instanceof SupervisorError) throw error;
    }
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
    wanted.isStarting = true;
    let supervisor: Supervisor;
    try {
      supervisor = (await services.startChild(
        Supervisor.childSpec(spec.id, [child], { strategy: 'one_for_one', restart: 'temporary' }),
      )) as unknown as Supervisor;
    } finally {
      wanted.isStarting = false;
    }
    if (!this.#isWanted(wanted)) {
      await this.#terminate(supervisor);
      throw new P2pError('STOPPED', `service ${spec.id} was stopped while it started`);
    }
    wanted.supervisor = supervisor;
    wanted.hasRun = true;
    this.#cancelRevival(wanted);
    asProcess(supervisor.pid).onExit(() => this.#reviveLater(wanted));
    if (!supervisor.pid.isAlive) this.#reviveLater(wanted);
  }

  #isWanted(wanted: WantedService): boolean {
    return this.#wanted.get(wanted.spec.id) === wanted;
  }

  /** Not when everything is ending: then the end of the services' supervisor takes the revival back. */
  #reviveLater(wanted: WantedService): void {
    if (!this.#isWanted(wanted) || this.#services?.pid.isAlive !== true) return;
    const { clock, limits } = this.#context;
    this.#cancelRevival(wanted);
    wanted.revival = clock.setTimer(() => {
      wanted.revival = undefined;
      // Its failure is told there, and the timer has nobody to tell.
      this.#revive(wanted).catch(() => {});
    }, limits.reviveDelayMs);
  }

  #cancelRevival(wanted: WantedService | undefined): void {
    if (wanted?.revival === undefined) return;
    this.#context.clock.clearTimer(wanted.revival);
    wanted.revival = undefined;
  }

  async #revive(wanted: WantedService): Promise<void> {
    if (wanted.isStarting || wanted.supervisor?.pid.isAlive === true) return;
    try {
      await this.#run(wanted);
      const facts = { service: wanted.spec.id, afterMs: this.#context.limits.reviveDelayMs };
      this.#context.logger.warn('a service whose supervisor gave up was started again', facts);
    } catch (error) {
      this.#failed(wanted, error);
    }
  }

  #failed(wanted: WantedService, error: unknown): void {
    if (!this.#isWanted(wanted) || this.#services?.pid.isAlive !== true) return;
    const reason = describeReason(error);
    this.#context.logger.error('a service did not come back and is tried again', { service: wanted.spec.id, reason });
    this.#reviveLater(wanted);
  }
}
