/**
 * Reports after SASL: what is said about a process when it ends for a reason that nobody wanted.
 *
 * Each is a telemetry event with values, and a log line without payloads and states. The server report names the last
 * message and who sent it; the crash report names where the process came from and what it was linked to. Supervisor and
 * progress reports are in `supervisor/child.ts`. In order for one crash: server, crash, supervisor.
 */
import { describeReason } from '../base/errors.ts';
import { type ExitReason, isCleanExit } from './exit-reason.ts';
import { describeMessage, type Message, MessageKind } from './message.ts';
import type { Process } from './process.ts';

/** Telemetry names of the reports; also handed to the logger as text. */
export const REPORT_EVENTS: Readonly<Record<'server' | 'crash' | 'longHandler', string>> = {
  server: 'genmesh.server.terminating',
  crash: 'genmesh.process.crash',
  longHandler: 'genmesh.process.long_handler',
};

interface Reported extends Process {
  readonly module: { formatStatus?(status: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> };
  readonly state: unknown;
}

/** Server and crash report of a process that ends by itself with `reason`; nothing for a clean one. @internal */
export function reportTermination(process: Reported, reason: ExitReason, last: Message | undefined): void {
  if (isCleanExit(reason)) return;
  const { host } = process;
  const what = last === undefined ? undefined : describeMessage(last);
  const client = last?.kind === MessageKind.call ? last.caller : undefined;
  if (host.telemetry.isActive) {
    const status = formatStatus(process, { reason, state: process.state, message: last?.payload });
    host.telemetry.emit(
      REPORT_EVENTS.server,
      { mailboxLength: process.mailboxLength },
      {
        label: process.label,
        module: process.moduleName,
        ...status,
        lastMessage: what,
        client: client?.label,
        clientIsAlive: client?.isAlive,
      },
    );
  }
  host.logger.error(`${process.label} terminating`, {
    reason: describeReason(reason),
    last: what,
    client: client === undefined ? undefined : `${client.label}${client.isAlive ? '' : ' (ended)'}`,
  });
  reportCrash(process, reason, process.serving?.tag);
}

/** Crash report of a process, also of one that did not get through its `init`. @internal */
export function reportCrash(process: Process, reason: ExitReason, serving?: string): void {
  if (isCleanExit(reason)) return;
  const { host } = process;
  if (host.telemetry.isActive) {
    const metadata = {
      pid: process.id,
      label: process.label,
      module: process.moduleName,
      reason,
      serving,
      ancestors: process.ancestors.map((ancestor) => ancestor.label),
      links: process.links.map((linked) => linked.label),
      isTrapping: process.isTrapping,
    };
    host.telemetry.emit(REPORT_EVENTS.crash, { mailboxLength: process.mailboxLength }, metadata);
  }
  const stack = reason instanceof Error ? reason.stack : undefined;
  host.logger.debug(`${process.label} crashed`, {
    module: process.moduleName,
    ancestors: process.ancestors.map((ancestor) => ancestor.label).join(' '),
    mailbox: process.mailboxLength,
    stack,
  });
}

/** A plain message that a server without `handleInfo` got. @internal */
export function reportUnexpected(process: Process, message: unknown): void {
  const type = (message as { type?: unknown } | null | undefined)?.type;
  process.host.logger.warn(`${process.label} got an unexpected message`, {
    type: typeof type === 'string' ? type : typeof message,
  });
}

/** A handler that kept the event loop for itself longer than `longHandlerMs`. @internal */
export function reportLongHandler(process: Process, what: string, tookMs: number): void {
  const { host } = process;
  host.telemetry.emit(REPORT_EVENTS.longHandler, { tookMs }, { label: process.label, message: what });
  host.logger.warn(`${process.label}: long handler`, { message: what, tookMs: Math.round(tookMs) });
}

/** `status` as the module's `formatStatus` wants it shown; as it is when that throws. @internal */
export function formatStatus(
  process: Reported,
  status: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  try {
    return process.module.formatStatus?.(status) ?? status;
  } catch (error) {
    return { ...status, state: `formatStatus failed: ${describeReason(error, 80)}` };
  }
}
