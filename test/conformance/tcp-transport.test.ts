import { type Clock, systemClock } from '../../src/base/clock.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import { transportConformance } from './transport.ts';

/** A clock whose timers are due before the network has had a turn, so that any dial is too slow. */
const hastyClock: Clock = {
  ...systemClock,
  setTimer: (callback) => {
    let isCleared = false;
    queueMicrotask(() => {
      if (!isCleared) callback();
    });
    return {
      clear: () => {
        isCleared = true;
      },
    };
  },
  clearTimer: (timer) => (timer as { clear(): void }).clear(),
};

transportConformance('tcp', async () => ({
  transport: new TcpTransport(),
  transportOfTwo: new TcpTransport({ maxConnections: 2 }),
  address: { scheme: 'tcp', host: '127.0.0.1', port: 0 },
  hangingDial: () => ({
    transport: new TcpTransport({ clock: hastyClock }),
    address: { scheme: 'tcp', host: '127.0.0.1', port: 9 },
  }),
  turn: () => new Promise((resolve) => systemClock.setTimer(resolve, 2)),
}));
