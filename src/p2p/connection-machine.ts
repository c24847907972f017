/**
 * The lifecycle of the connection to one remote, as a machine; `archethic-node p2p/client/connection.ex`.
 *
 * idle -> dialing -> connected -> backoff -> dialing ... Any state -> stopped. The machine only says what comes next; the
 * process in `connection.ts` dials, arms and closes. Differs from upstream: the state before a new dial is `backoff` and not
 * `disconnected`, and a dial that is asked for while one runs is not postponed but already under way.
 */
import { createMachine } from 'xstate';
import { type Machine, machine } from '../actors/gen-statem.ts';
import type { MessageLink } from './messaging-link.ts';

/** Where a connection can be. */
export const CONNECTION_STATES = ['idle', 'dialing', 'connected', 'backoff', 'stopped'] as const;
/** One of {@link CONNECTION_STATES}. */
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** What can happen to a connection. @internal */
export type ConnectionEvent =
  /** The process is up. */
  | { readonly type: 'dial' }
  /** A call waits. In backoff the process decides whether it may shorten the pause. */
  | { readonly type: 'demand' }
  /** The remote showed that it is there: start over. */
  | { readonly type: 'wakeUp' }
  /** The pause is over. */
  | { readonly type: 'retry' }
  | { readonly type: 'dialed'; readonly link: MessageLink }
  | { readonly type: 'dialFailed'; readonly reason: unknown }
  | { readonly type: 'closed'; readonly reason: unknown }
  | { readonly type: 'stop' };

/** @internal */
export const connectionMachine: Machine<ConnectionState, ConnectionEvent> = machine(
  createMachine({
    id: 'connection',
    initial: 'idle',
    on: { stop: '.stopped' },
    states: {
      idle: { on: { dial: 'dialing', demand: 'dialing', wakeUp: 'dialing' } },
      dialing: {
        entry: 'dial',
        on: { dialed: 'connected', dialFailed: { target: 'backoff', actions: 'announceFailure' } },
      },
      connected: {
        entry: 'announceConnected',
        exit: 'announceDisconnected',
        on: { closed: 'backoff' },
      },
      backoff: {
        entry: 'armBackoff',
        exit: 'disarmBackoff',
        on: {
          retry: { target: 'dialing', actions: 'countAttempt' },
          demand: { actions: 'considerDial' },
          wakeUp: { actions: 'hasten' },
        },
      },
      stopped: { type: 'final' },
    },
  }),
);
