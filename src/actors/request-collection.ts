/**
 * Requests that are sent now and collected later; `gen_server(3) send_request/4` and `receive_response/3`.
 *
 * A request id stands for one call under way. A collection holds many, each with a label of the caller's, and gives the
 * responses in the order they come.
 */
import { RingQueue } from '../base/ring-queue.ts';
import { checkTimeout } from './callable-process.ts';
import { callable, nobody } from './client.ts';
import type { ActorError } from './errors.ts';
import { type Address, whereis } from './names.ts';
import { Once, within } from './once.ts';
import type { Process } from './process.ts';
import type { Request } from './request.ts';
import type { TimerQueue } from './timer-queue.ts';

/** How a request ended: with a reply, or with the error that a call would have thrown. */
export type Response = { readonly reply: unknown } | { readonly error: ActorError };

/** One call under way. */
export class RequestId {
  readonly #response = new Once<Response>();
  readonly #request: Request | undefined;

  /** Sends `tag` to `server`, without a deadline of its own. */
  constructor(server: Address, tag: string, payload?: unknown) {
    const pid = whereis(server);
    if (pid === undefined) {
      this.#response.settle({ error: nobody(server, tag) });
      return;
    }
    this.#request = callable(pid).request(
      tag,
      payload,
      Number.POSITIVE_INFINITY,
      (reply) => this.#response.settle({ reply }),
      (error) => this.#response.settle({ error }),
    );
  }

  /** `undefined` until there is a response. */
  get response(): Response | undefined {
    return this.#response.value;
  }

  /** Calls `done` with the response, at once if there is one. @internal */
  whenSettled(done: (response: Response) => void): void {
    this.#response.whenSettled(done);
  }

  /** Where waits for it are timed: the system of its server. @internal */
  get timers(): TimerQueue | undefined {
    return (this.#request?.owner as Process | undefined)?.host.timers;
  }

  /**
   * Waits for the response without giving up on it: `wait_response/2`.
   *
   * @param timeoutMs - 0 or more, or `Infinity`, the default.
   * @returns undefined after `timeoutMs`.
   */
  async wait(timeoutMs: number = Number.POSITIVE_INFINITY): Promise<Response | undefined> {
    return this.#response.wait(this.timers, timeoutMs);
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
  readonly #ready = new RingQueue<RequestId>();
  #receiver: ((id: RequestId) => void) | undefined;

  /** Requests whose response was not taken. */
  get size(): number {
    return this.#open.size;
  }

  /** Adds a request under `label`. @returns the collection. */
  add(id: RequestId, label: L): this {
    const isNew = !this.#open.has(id);
    this.#open.set(id, label);
    if (!isNew) return this;
    id.whenSettled(() => {
      const receiver = this.#receiver;
      this.#receiver = undefined;
      if (receiver === undefined) this.#ready.push(id);
      else receiver(id);
    });
    return this;
  }

  /** Sends a call and adds it. */
  send(label: L, server: Address, tag: string, payload?: unknown): this {
    return this.add(sendRequest(server, tag, payload), label);
  }

  /**
   * Takes the next response, in the order they come. One receive or wait at a time.
   *
   * @param timeoutMs - 0 or more, or `Infinity`, the default.
   * @returns `undefined` when the collection is empty or nothing comes in `timeoutMs`; then all are abandoned.
   */
  async receive(timeoutMs?: number): Promise<{ readonly label: L; readonly response: Response } | undefined> {
    const next = await this.wait(timeoutMs);
    if (next === undefined) {
      const abandoned = [...this.#open.keys()];
      this.#open.clear();
      for (const id of abandoned) id.abandon();
      this.#ready.clear();
    }
    return next;
  }

  /** As {@link RequestCollection.receive}, but the requests stay open after `timeoutMs`. */
  async wait(
    timeoutMs: number = Number.POSITIVE_INFINITY,
  ): Promise<{ readonly label: L; readonly response: Response } | undefined> {
    checkTimeout(timeoutMs);
    if (this.#receiver !== undefined) throw new TypeError('a receive of this collection is waiting already');
    if (this.#open.size === 0) return undefined;
    const id = this.#ready.shift() ?? (await this.#next(timeoutMs));
    if (id === undefined) return undefined;
    const label = this.#open.get(id) as L;
    this.#open.delete(id);
    return { label, response: id.response as Response };
  }

  #next(timeoutMs: number): Promise<RequestId | undefined> {
    const [some] = this.#open.keys();
    return within(some?.timers, timeoutMs, (done) => {
      this.#receiver = done;
      return () => {
        this.#receiver = undefined;
      };
    });
  }
}
