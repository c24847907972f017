/**
 * What lies in a mailbox. All kinds but calls are one class with the same three fields, so that the loop that takes them
 * out reads two object shapes and not six: with more than four the engine gives up on its inline caches.
 */
import type { ExitReason } from './exit-reason.ts';
import type { Pid } from './pid.ts';
import type { Request } from './request.ts';

/** Kinds of mailbox messages; small integers because the mailbox loop switches on them. @internal */
export const MessageKind: Readonly<{ call: 0; cast: 1; info: 2; system: 3; exit: 4; continue: 5 }> = {
  call: 0,
  cast: 1,
  info: 2,
  system: 3,
  exit: 4,
  continue: 5,
};

/** A cast. @internal */
export interface CastMessage {
  readonly kind: typeof MessageKind.cast;
  readonly tag: string;
  readonly payload: unknown;
}

/** A plain message. @internal */
export interface InfoMessage {
  readonly kind: typeof MessageKind.info;
  readonly tag: string;
  readonly payload: unknown;
}

/** An exit signal that a trapping process gets as a message. @internal */
export interface ExitMessage {
  readonly kind: typeof MessageKind.exit;
  readonly tag: string;
  readonly payload: { readonly pid: Pid; readonly reason: ExitReason };
}

/** The value of a `continue` action: handled before any other message. @internal */
export interface ContinueMessage {
  readonly kind: typeof MessageKind.continue;
  readonly tag: string;
  readonly payload: unknown;
}

/** A request to the process machinery itself (`sys`): runs in the process, in queue order. @internal */
export interface SystemMessage {
  readonly kind: typeof MessageKind.system;
  readonly tag: string;
  readonly payload: SystemOperation;
}

/** What a system message runs, and who is told of it. @internal */
export interface SystemOperation {
  readonly request: Request | undefined;
  readonly run: () => unknown;
}

/** @internal */
export type Message = Request | CastMessage | InfoMessage | ExitMessage | ContinueMessage | SystemMessage;

class Envelope {
  readonly kind: number;
  readonly tag: string;
  readonly payload: unknown;
  constructor(kind: number, tag: string, payload: unknown) {
    this.kind = kind;
    this.tag = tag;
    this.payload = payload;
  }
}

/** @internal */
export function castMessage(tag: string, payload: unknown): CastMessage {
  return new Envelope(MessageKind.cast, tag, payload) as CastMessage;
}

/** @internal */
export function infoMessage(payload: unknown): InfoMessage {
  return new Envelope(MessageKind.info, '', payload) as InfoMessage;
}

/** @internal */
export function exitMessage(pid: Pid, reason: ExitReason): ExitMessage {
  return new Envelope(MessageKind.exit, '', { pid, reason }) as ExitMessage;
}

/** @internal */
export function continueMessage(value: unknown): ContinueMessage {
  return new Envelope(MessageKind.continue, '', value) as ContinueMessage;
}

/** @internal */
export function systemMessage(tag: string, request: Request | undefined, run: () => unknown): SystemMessage {
  return new Envelope(MessageKind.system, tag, { request, run }) as SystemMessage;
}

/** What a message is, without its payload: `call add`, `cast reset`, `info tick`, `exit`. @internal */
export function describeMessage({ kind, tag, payload }: Message): string {
  const name = ['call', 'cast', 'info', 'system', 'exit', 'continue'][kind] as string;
  const what = kind === MessageKind.info ? (payload as { type?: unknown } | null | undefined)?.type : tag;
  return typeof what === 'string' && what !== '' ? `${name} ${what}` : name;
}
