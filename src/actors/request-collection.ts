/**
 * Requests that are sent now and collected later; `gen_server(3) send_request/4` and `receive_response/3`.
 *
 * A request id stands for one call under way. A collection holds many, each with a label of the caller's, and gives the
 * responses in the order they come.
 */
import { callable } from './client.ts';
import type { ActorError } from './errors.ts';
import { type Address, whereis } from './names.ts';
import { callError, type Request } from './request.ts';

/** How a request ended: with a reply, or with the error that a call would have thrown. */
export type Response = { readonly reply: unknown } | { readonly error: ActorError };

/** One call under way. */
export class RequestId {
  /** `undefined` until there is a response. */
  response: Response | undefined = undefined;
  readonly #waiting: ((response: Response) => void)[] = [];
  #request: Request | undefined;

  /** Sends `tag` to `server`, without a deadline of its own. */
  constructor(server: Address, tag: string, payload?: unknown) {
    const pid = whereis(server);
    if (pid === undefined) {
      this.#settle({ error: callError('NOPROC', String(server), tag, Number.POSITIVE_INFINITY, 'noproc') });
      return;
    }
    this.#request = callable(pid).request(
      tag,
      payload,
      Number.POSITIVE_INFINITY,
      (reply) => this.#settle({ reply }),
      (error) => this.#settle({ error }),
    );
  }

  #settle(response: Response): void {
    if (this.response !== undefined) return;
    this.response = response;
    for (const resolve of this.#waiting.splice(0)) resolve(response);
  }

  /** Waits for the response without giving up on it: `wait_response/2`. @returns undefined after `timeoutMs`. */
  wait(timeoutMs?: number): Promise<Response | undefined> {
    if (this.response !== undefined) return Promise.resolve(this.response);
    return new Promise((resolve) => {
      const done = (response: Response | undefined): void => {
        timer?.cancel();
        const index = this.#waiting.indexOf(done);
        if (index >= 0) this.#waiting.splice(index, 1);
        resolve(response);
      };
      const owner = this.#request?.owner as ReturnType<typeof callable> | undefined;
      const timer =
        timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : owner?.host.timers.add(timeoutMs, () => done(undefined));
      this.#waiting.push(done);
    });
  }

  /** Waits for the response, and gives up on it after `timeoutMs`: `receive_response/2`. A late one is dropped. */
  async receive(timeoutMs?: number): Promise<Response | undefined> {
    const response = await this.wait(timeoutMs);
    if (response === undefined) this.abandon();
    return response;
  }

  /** Gives up on the response. */
  abandon(): void {
    this.#request?.fail('ABORTED', 'abandoned');
  }
}

/** Sends a call and does not wait; `gen_server(3) send_request/2`. */
export function sendRequest(server: Address, tag: string, payload?: unknown): RequestId {
  return new RequestId(server, tag, payload);
}

/** Many requests, each under a label; `gen_server(3) reqids_new/0`. */
export class RequestCollection<L> {
  readonly #open = new Map<RequestId, L>();

  /** Requests whose response was not taken. */
  get size(): number {
    return this.#open.size;
  }

  /** Adds a request under `label`. @returns the collection. */
  add(id: RequestId, label: L): this {
    this.#open.set(id, label);
    return this;
  }

  /** Sends a call and adds it. */
  send(label: L, server: Address, tag: string, payload?: unknown): this {
    return this.add(sendRequest(server, tag, payload), label);
  }

  /**
   * Takes the next response, of whichever request has one first.
   *
   * @returns `undefined` when the collection is empty or nothing comes in `timeoutMs`; then all are abandoned.
   */
  async receive(timeoutMs?: number): Promise<{ readonly label: L; readonly response: Response } | undefined> {
    const next = await this.wait(timeoutMs);
    if (next === undefined) {
      for (const id of this.#open.keys()) id.abandon();
      this.#open.clear();
    }
    return next;
  }

  /** As {@link RequestCollection.receive}, but the requests stay open after `timeoutMs`. */
  async wait(timeoutMs?: number): Promise<{ readonly label: L; readonly response: Response } | undefined> {
    if (this.#open.size === 0) return undefined;
    const ids = [...this.#open.keys()];
    const ready = ids.find((id) => id.response !== undefined);
    const first = ready ?? (await Promise.race(ids.map((id) => id.wait(timeoutMs).then((r) => (r ? id : undefined)))));
    if (first?.response === undefined) return undefined;
    const label = this.#open.get(first) as L;
    this.#open.delete(first);
    return { label, response: first.response };
  }
}
