/**
 * Typed events on eventemitter3, with one difference: a listener that throws does not break the emitter. The exception
 * is handed to `onListenerError` and the other listeners still run.
 */
import { EventEmitter } from 'eventemitter3';

/** Event names and the value each carries. */
export type EventMap = Readonly<Record<string, unknown>>;

/** Takes back a subscription; calling it again does nothing. */
export type Unsubscribe = () => void;

/** Typed emitter whose listeners cannot break it. */
export class Emitter<E extends EventMap> {
  readonly #events = new EventEmitter<string>();
  readonly #onListenerError: (error: unknown, event: string) => void;

  /** @param onListenerError - told of each exception of a listener; default: dropped. Must not throw. */
  constructor(onListenerError: (error: unknown, event: string) => void = () => {}) {
    this.#onListenerError = onListenerError;
  }

  /** Calls `listener` for each `event` until the returned function is called. */
  on<K extends keyof E & string>(event: K, listener: (value: E[K]) => void): Unsubscribe {
    const guarded = (value: E[K]): void => {
      try {
        listener(value);
      } catch (error) {
        this.#onListenerError(error, event);
      }
    };
    this.#events.on(event, guarded);
    return () => {
      this.#events.off(event, guarded);
    };
  }

  /** Like {@link Emitter.on}, for the next `event` only. */
  once<K extends keyof E & string>(event: K, listener: (value: E[K]) => void): Unsubscribe {
    const unsubscribe = this.on(event, (value) => {
      unsubscribe();
      listener(value);
    });
    return unsubscribe;
  }

  /** Calls every listener of `event` in subscription order, at once. */
  emit<K extends keyof E & string>(event: K, value: E[K]): void {
    this.#events.emit(event, value);
  }

  /** Listeners of `event` now. */
  listenerCount(event: keyof E & string): number {
    return this.#events.listenerCount(event);
  }

  /** Removes every listener. */
  clear(): void {
    this.#events.removeAllListeners();
  }
}
