/**
 * Telemetry: named events with numbers, for metrics and tests. After Erlang's `telemetry` package: handlers are attached
 * by event name, run at once in the emitter's turn, and a handler that throws is detached and reported.
 */
import { describeReason } from './errors.ts';
import { guardLogger, type Logger, silentLogger } from './logger.ts';

/** One event: dotted name, numbers (with unit in the key), and what it is about. */
export interface TelemetryEvent {
  readonly name: string;
  readonly measurements: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Reacts to an event; runs in the emitter's turn, so it should only count or queue. */
export type TelemetryHandler = (event: TelemetryEvent) => void;

const NOTHING: Readonly<Record<string, never>> = Object.freeze({});

/** A set of handlers and the way to reach them. Emitting without handlers costs one check. */
export class Telemetry {
  readonly #handlers = new Map<string, { readonly prefix: string; readonly handler: TelemetryHandler }>();
  readonly #logger: Logger;

  constructor(logger: Logger = silentLogger) {
    this.#logger = guardLogger(logger);
  }

  /** True when somebody listens; guard costly measurements with it. */
  get isActive(): boolean {
    return this.#handlers.size > 0;
  }

  /**
   * Calls `handler` for each event whose name is `prefix` or begins with `prefix.`; the empty prefix takes all.
   *
   * @param id - unique; an id in use is refused.
   * @throws RangeError when `id` is taken.
   */
  attach(id: string, prefix: string, handler: TelemetryHandler): void {
    if (this.#handlers.has(id)) throw new RangeError(`telemetry handler ${id} is attached already`);
    this.#handlers.set(id, { prefix, handler });
  }

  /** Takes the handler back. @returns false when no handler has that id. */
  detach(id: string): boolean {
    return this.#handlers.delete(id);
  }

  /** Hands the event to every attached handler; a handler that throws is detached and logged. */
  emit(
    name: string,
    measurements: Readonly<Record<string, number>> = NOTHING,
    metadata: Readonly<Record<string, unknown>> = NOTHING,
  ): void {
    if (this.#handlers.size === 0) return;
    const event: TelemetryEvent = { name, measurements, metadata };
    for (const [id, { prefix, handler }] of this.#handlers) {
      if (prefix !== '' && name !== prefix && !name.startsWith(`${prefix}.`)) continue;
      try {
        handler(event);
      } catch (error) {
        this.#handlers.delete(id);
        this.#logger.error('telemetry handler failed and was detached', {
          id,
          event: name,
          error: describeReason(error),
        });
      }
    }
  }
}
