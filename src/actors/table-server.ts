/** The process behind a table in memory (Registry, ProcessGroups): it watches those in the table, and hears of their end. */
import type { ExitReason } from './exit-reason.ts';
import { type StartOptions, spawnServer } from './gen-server.ts';
import type { Down, Pid } from './pid.ts';
import type { Process } from './process.ts';
import { type NoReply, noreply } from './results.ts';

/** Starts one, linked to the process that calls; `ended` is told of each process it monitors. @throws ActorError @internal */
export async function startTableServer(
  moduleName: string,
  options: StartOptions,
  ended: (pid: Pid, reason: ExitReason) => void,
): Promise<Process> {
  const stay = (_: unknown, state: unknown): NoReply<unknown> => noreply(state);
  const handleInfo = (message: unknown, state: unknown): NoReply<unknown> => {
    const { type, pid, reason } = (message ?? {}) as Down;
    if (type === 'down') ended(pid, reason);
    return noreply(state);
  };
  return spawnServer({ moduleName, init: () => undefined, handleInfo, handleContinue: stay }, [], options, true);
}
