/** The server of the workloads: `Echo` as a class, and the same as a `Volley` partner that answers each cast with one. */
import { GenServer } from '../../src/actors/gen-server.ts';
import {
  type CallHandlers,
  type CastHandlers,
  type DefinedServer,
  defineServer,
  noreply,
  reply,
  type ServerRef,
} from '../../src/actors/index.ts';

/** What an Echo understands. */
export interface EchoProtocol {
  call: { ping(): string; get(): number; echo(value: unknown): unknown };
  cast: { inc(): void };
}

/** State: an integer. */
export class Echo extends GenServer<number, EchoProtocol, [start: number]> {
  init(start: number): number {
    return start;
  }

  override readonly handleCall: CallHandlers<number, EchoProtocol> = this.calls({
    ping: (_, state) => reply('pong', state),
    get: (_, state) => reply(state, state),
    echo: (value, state) => reply(value, state),
  });

  override readonly handleCast: CastHandlers<number, EchoProtocol> = this.casts({
    inc: (_, state) => noreply(state + 1),
  });
}

const SHARED_CALLS: CallHandlers<number, EchoProtocol> = {
  ping: (_, state) => reply('pong', state),
  get: (_, state) => reply(state, state),
  echo: (value, state) => reply(value, state),
};
const SHARED_CASTS: CastHandlers<number, EchoProtocol> = { inc: (_, state) => noreply(state + 1) };

/** The same Echo with handlers made once, outside of the class: they do not use `this`. */
export class SharedEcho extends GenServer<number, EchoProtocol, [start: number]> {
  init(start: number): number {
    return start;
  }
  override readonly handleCall: CallHandlers<number, EchoProtocol> = SHARED_CALLS;
  override readonly handleCast: CastHandlers<number, EchoProtocol> = SHARED_CASTS;
}

/** The same Echo, defined as one object: its processes share their handlers. */
export const DefinedEcho: DefinedServer<[start: number], EchoProtocol> = defineServer({
  name: 'DefinedEcho',
  init: (start: number) => start,
  handleCall: {
    ping: (state) => reply('pong', state),
    get: (state) => reply(state, state),
    echo: (state, value: unknown) => reply(value, state),
  },
  handleCast: { inc: (state) => noreply(state + 1) },
}) as unknown as DefinedServer<[start: number], EchoProtocol>;

interface VolleyState {
  partner: ServerRef<VolleyProtocol> | undefined;
  left: number;
  readonly done: () => void;
}

/** What a Volley understands. */
export interface VolleyProtocol {
  cast: { ball(): void; serve(partner: ServerRef<VolleyProtocol>): void };
}

/** Sends each ball back until `left` are used up; a negative `left` never ends. */
export class Volley extends GenServer<VolleyState, VolleyProtocol, [left: number, done: () => void]> {
  init(left: number, done: () => void): VolleyState {
    return { partner: undefined, left, done };
  }

  override readonly handleCast: CastHandlers<VolleyState, VolleyProtocol> = this.casts({
    serve: (partner, state) => {
      state.partner = partner;
      return noreply(state);
    },
    ball: (_, state) => {
      state.left -= 1;
      if (state.left === 0) state.done();
      else state.partner?.cast('ball');
      return noreply(state);
    },
  });
}
