/**
 * Names: how a server is found without its pid. A plain string is a name in the system of whoever asks; a {@link Via} asks
 * somebody else (a Registry, a module of your own); a {@link ServerName} is a name that carries its protocol for the compiler.
 */
import { describeReason } from '../base/errors.ts';
import { ActorError } from './errors.ts';
import type { Pid } from './pid.ts';
import { currentProcess, Process } from './process.ts';
import type { Protocol } from './protocol.ts';
import { type ActorSystem, defaultSystem } from './system.ts';

/** A name kept by somebody else; the `{via, Module, Term}` of `gen_server(3)`. */
export interface Via {
  /** Gives the name to `pid`. @throws ActorError `ALREADY_REGISTERED` with the pid that has it as `reason`. */
  registerName(pid: Pid): void;
  /** Takes the name back from `pid`. */
  unregisterName(pid: Pid): void;
  /** Who has the name; never a dead process. */
  whereisName(): Pid | undefined;
  /** For people. */
  readonly label: string;
}

declare const PROTOCOL: unique symbol;

/** A local name that knows what its server understands; made by {@link serverName}. */
export interface ServerName<P extends Protocol> {
  readonly name: string;
  readonly [PROTOCOL]?: P;
}

/** What a server can be started as. */
export type Name = string | Via;

/** What a server can be addressed by. */
export type Address = Pid | string | Via | ServerName<Protocol>;

/** A typed name: `GenServer.call(serverName<CounterProtocol>('counter'), 'get')`. */
export function serverName<P extends Protocol>(name: string): ServerName<P> {
  return { name };
}

/** True for a {@link Via}. @internal */
export function isVia(value: unknown): value is Via {
  return typeof value === 'object' && value !== null && typeof (value as Via).registerName === 'function';
}

/**
 * The pid of a living process behind `address`, or `undefined`; `GenServer.whereis/1`. A pid is given back as it is.
 *
 * @param system - where plain names are looked up. Default: that of the process that runs, else {@link defaultSystem}.
 */
export function whereis(address: Address | undefined, system: ActorSystem = systemHere()): Pid | undefined {
  if (address === undefined) return undefined;
  if (address instanceof Process) return address;
  if (typeof address === 'string') return system.whereis(address);
  if (isVia(address)) return address.whereisName();
  if ('name' in address && typeof address.name === 'string' && !('id' in address)) return system.whereis(address.name);
  throw new TypeError('expected a pid, a name or a via');
}

/** The system that code runs in now. @internal */
export function systemHere(): ActorSystem {
  return (currentProcess()?.host as ActorSystem | undefined) ?? defaultSystem();
}

/** Gives `name` to a process that is being started. @throws ActorError `ALREADY_STARTED`, `NAME_INVALID`. @internal */
export function claimName(name: Name, process: Process, system: ActorSystem): void {
  if (typeof name === 'string') {
    system.claim(name, process);
    return;
  }
  if (!isVia(name)) {
    throw new ActorError('NAME_INVALID', `name is ${describeReason(name, 60)}: expected a string or a via`);
  }
  try {
    name.registerName(process);
  } catch (error) {
    if (!(error instanceof ActorError) || error.code !== 'ALREADY_REGISTERED') throw error;
    throw new ActorError('ALREADY_STARTED', `name ${name.label} is taken by ${error.reason}`, {
      reason: error.reason,
      cause: error,
    });
  }
  process.setLabel(name.label);
  process.onExit(() => name.unregisterName(process));
}
