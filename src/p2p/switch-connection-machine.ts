/**
 * The lifecycle of one connection of a switch, as a machine: from a dial or an accepted stream to a peer, and back
 * (`p2p/transport.go`, `p2p/switch.go`).
 *
 * idle -> dialing -> securing -> introducing -> admitting -> connected -> removing -> backoff -> dialing ... A connection that
 * came in begins at securing. Whatever goes wrong leads through removing, so that nothing is left behind. The machine only says
 * what comes next; the process in `peer-connection.ts` acts.
 */
import { createMachine } from 'xstate';
import { type Machine, machine } from '../actors/gen-statem.ts';

/** Where a connection of a switch can be. */
export const PEER_CONNECTION_STATES = [
  'idle',
  'dialing',
  'securing',
  'introducing',
  'admitting',
  'connected',
  'removing',
  'backoff',
  'stopped',
] as const;
/** One of {@link PEER_CONNECTION_STATES}. */
export type PeerConnectionState = (typeof PEER_CONNECTION_STATES)[number];

/** What can happen to a connection. @internal */
export type PeerConnectionEvent =
  /** The process is up, and is to dial. */
  | { readonly type: 'dial' }
  /** The process is up, and has a stream. */
  | { readonly type: 'accept' }
  /** A stream is there. */
  | { readonly type: 'dialed' }
  /** The peer has proven who it is. */
  | { readonly type: 'secured' }
  /** The peer has said what it is, and that is fine. */
  | { readonly type: 'introduced' }
  /** Every reactor has added the peer. */
  | { readonly type: 'admitted' }
  /** Anything went wrong, at any stage, or somebody asked for the end. */
  | { readonly type: 'ended' }
  /** Nothing of the connection is left. */
  | { readonly type: 'removed'; readonly willRedial: boolean }
  /** The pause is over. */
  | { readonly type: 'retry' };

const ended = { ended: 'removing' };

/** @internal */
export const switchConnectionMachine: Machine<PeerConnectionState, PeerConnectionEvent> = machine(
  createMachine({
    id: 'peer-connection',
    initial: 'idle',
    states: {
      idle: { on: { dial: 'dialing', accept: 'securing', ...ended } },
      dialing: { entry: 'dial', on: { dialed: 'securing', ...ended } },
      securing: { entry: 'upgrade', on: { secured: 'introducing', ...ended } },
      introducing: { on: { introduced: 'admitting', ...ended } },
      admitting: { entry: 'admit', on: { admitted: 'connected', ...ended } },
      connected: { entry: 'announce', on: { ...ended } },
      removing: {
        entry: 'remove',
        on: {
          removed: [
            { guard: ({ event }) => (event as { willRedial?: boolean }).willRedial === true, target: 'backoff' },
            { target: 'stopped' },
          ],
        },
      },
      backoff: { entry: 'armBackoff', exit: 'disarmBackoff', on: { retry: 'dialing' } },
      stopped: { type: 'final' },
    },
  }),
);
