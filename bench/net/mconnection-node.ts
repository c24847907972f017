/**
 * The other end of the rows between two genmesh processes: an MConnection with the channels of the Go peer that echoes,
 * counts bulk, and handles it as slowly as its first argument says, in ms.
 */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { engineNamed } from '../../src/crypto/default-engine.ts';
import type { CryptoEngine, EngineName } from '../../src/crypto/engine.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import { formatNetAddress, parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { ASK, BULK, ECHO, GO_CHANNELS } from '../../test/interop/go-peer.ts';

const [, , bulkDelay = '0', engineName = 'calibrated'] = process.argv;
const bulkDelayMs = Number(bulkDelay);
const engine = engineNamed(engineName as EngineName) as CryptoEngine;
const nodeKey = engine.generateKeyPair(systemRandom);
const handlingDone = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, bulkDelayMs));

function serve(stream: ByteStream): void {
  let messages = 0;
  let bytes = 0;
  const mconnection = new MConnection(stream, GO_CHANNELS, {
    clock: systemClock,
    sendRateBytesPerSecond: 0,
    recvRateBytesPerSecond: 0,
    handlers: {
      onReceive: (channelId, message): void | Promise<void> => {
        if (channelId === ECHO) void mconnection.send(ECHO, message);
        else if (channelId === ASK) {
          mconnection.trySend(ASK, new TextEncoder().encode(JSON.stringify({ messages, bytes })));
        } else if (channelId === BULK) {
          messages += 1;
          bytes += message.length;
          if (bulkDelayMs > 0) return handlingDone();
        }
      },
    },
  });
  mconnection.start();
}

const listener = await new TcpTransport().listen(parseNetAddress('tcp://127.0.0.1:0'), (stream) => {
  secretConnection(stream, { clock: systemClock, random: systemRandom, engine, nodeKey }).then(serve, () => {});
});
process.on('disconnect', () => process.exit(0));
process.send?.(formatNetAddress(listener.address));
