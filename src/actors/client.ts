/**
 * The Elixir-shaped front door: functions over any address (pid, name, via, typed name) instead of methods of a reference.
 *
 * `GenServer.call(server, ['add', 5], 100)` is `server.call('add', 5, { timeoutMs: 100 })` where the server may also be a
 * name. An address without a living process behind it: calls fail with `NOPROC`, casts are dropped.
 */

import { CallableProcess, checkTimeout } from './callable-process.ts';
import type { ActorError } from './errors.ts';
import type { ExitReason } from './exit-reason.ts';
import { type Address, type ServerName, whereis } from './names.ts';
import type { Pid } from './pid.ts';
import { asProcess } from './process.ts';
import type { Calls, Casts, Protocol, ServerRef } from './protocol.ts';
import { CALL_TIMEOUT_MS_DEFAULT, type CallOptions, callError } from './request.ts';
import type { ActorSystem } from './system.ts';

// biome-ignore lint/suspicious/noExplicitAny: matches every parameter list
type Parameters_<F> = F extends (...payload: infer A extends any[]) => unknown ? A : never;
// biome-ignore lint/suspicious/noExplicitAny: matches every parameter list
type Answer<F> = F extends (...payload: any[]) => infer R ? Awaited<R> : never;

/** A request as Elixir writes it: `'get'` or `['get']` without payload, `['add', 5]` with one. */
export type Term<H> = {
  [K in keyof H & string]: [] extends Parameters_<H[K]>
    ? K | readonly [K, ...Parameters_<H[K]>]
    : readonly [K, ...Parameters_<H[K]>];
}[keyof H & string];
type Tag<M> = M extends readonly [infer K extends string, ...unknown[]] ? K : M extends string ? M : never;

/** An address whose protocol the compiler knows; a bare string or via is one of any protocol. */
export type TypedAddress<P extends Protocol> = ServerRef<P> | ServerName<P>;

/** Patience: ms, `'infinity'`, or call options. */
export type Patience = number | 'infinity' | (CallOptions & { readonly system?: ActorSystem });

/** `GenServer.call/3`. @throws ActorError as `ServerRef.call`; `NOPROC` for an address that nobody answers. */
export function call<P extends Protocol, const M extends Term<Calls<P>>>(
  server: TypedAddress<P>,
  term: M,
  patience?: Patience,
): Promise<Answer<Calls<P>[Tag<M> & keyof Calls<P>]>>;
export function call(
  server: Address | undefined,
  term: string | readonly [string, unknown?],
  patience?: Patience,
): Promise<unknown>;
export function call(
  server: Address | undefined,
  term: string | readonly unknown[],
  patience: Patience = CALL_TIMEOUT_MS_DEFAULT,
): Promise<unknown> {
  const [tag, payload] = split(term);
  const { system, ...options } = optionsOf(patience);
  const pid = whereis(server, system);
  if (pid === undefined) return Promise.reject(nobody(server, tag, options.timeoutMs));
  return callable(pid).call(tag, payload, options);
}

/** `GenServer.cast/2`: never throws for a server that is not there. */
export function cast<P extends Protocol>(server: TypedAddress<P>, term: Term<Casts<P>>): void;
export function cast(
  server: Address | undefined,
  term: string | readonly [string, unknown?],
  system?: ActorSystem,
): void;
export function cast(server: Address | undefined, term: string | readonly unknown[], system?: ActorSystem): void {
  const [tag, payload] = split(term);
  const pid = whereis(server, system);
  if (pid !== undefined) callable(pid).cast(tag, payload);
}

/** `GenServer.stop/3`. @throws ActorError as `ServerRef.stop`; `NOPROC` for an address that nobody answers. */
export function stopServer(
  server: Address | undefined,
  reason: ExitReason = 'normal',
  patience: Patience = 'infinity',
): Promise<void> {
  const { system, timeoutMs } = optionsOf(patience);
  const pid = whereis(server, system);
  if (pid === undefined) return Promise.reject(nobody(server, 'stop', timeoutMs));
  return callable(pid).stop(reason, timeoutMs === undefined ? {} : { timeoutMs });
}

/** Casts to the servers of that name in each system; `GenServer.abcast/3`. */
export function abcast(
  systems: readonly ActorSystem[],
  name: string,
  term: string | readonly [string, unknown?],
): void {
  for (const system of systems) cast(name, term, system);
}

/** What {@link multiCall} gives: who answered what, and the systems where nobody did. */
export interface MultiCallResult {
  readonly replies: readonly (readonly [system: ActorSystem, reply: unknown])[];
  readonly bad: readonly ActorSystem[];
}

/**
 * Calls the servers of that name in each system at once; `GenServer.multi_call/4`. A system without that name, or whose
 * server does not answer in time, is in `bad`; a late reply is dropped.
 */
export async function multiCall(
  systems: readonly ActorSystem[],
  name: string,
  term: string | readonly [string, unknown?],
  patience: number | 'infinity' = 'infinity',
): Promise<MultiCallResult> {
  const timeoutMs = patience === 'infinity' ? Number.POSITIVE_INFINITY : patience;
  checkTimeout(timeoutMs);
  const outcomes = await Promise.allSettled(systems.map((system) => call(name, term, { timeoutMs, system })));
  const replies: [ActorSystem, unknown][] = [];
  const bad: ActorSystem[] = [];
  outcomes.forEach((outcome, index) => {
    const system = systems[index] as ActorSystem;
    if (outcome.status === 'fulfilled') replies.push([system, outcome.value]);
    else bad.push(system);
  });
  return { replies, bad };
}

function split(term: string | readonly unknown[]): [tag: string, payload: unknown] {
  return typeof term === 'string' ? [term, undefined] : [String(term[0]), term[1]];
}

function optionsOf(patience: Patience): CallOptions & { readonly system?: ActorSystem } {
  if (patience === 'infinity') return { timeoutMs: Number.POSITIVE_INFINITY };
  return typeof patience === 'object' ? patience : { timeoutMs: patience };
}

/** The process behind a pid, if it can be called. @throws TypeError when it is a plain process. @internal */
export function callable(pid: Pid): CallableProcess {
  const process = asProcess(pid);
  if (process instanceof CallableProcess) return process;
  throw new TypeError(`${pid.label} is a plain process and takes no calls`);
}

/** The error of a call that found nobody behind its address. @internal */
export function nobody(
  server: Address | undefined,
  tag: string,
  timeoutMs: number = Number.POSITIVE_INFINITY,
): ActorError {
  const name =
    server === undefined
      ? 'nobody'
      : typeof server === 'string'
        ? server
        : 'label' in server
          ? server.label
          : server.name;
  return callError('NOPROC', name, tag, timeoutMs, 'noproc');
}
