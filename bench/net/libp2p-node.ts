/** The other end of the comparison with js-libp2p, in a process of its own: `libp2p` or `genmesh`, by its argument. */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { MConnection } from '../../src/net/mconnection.ts';
import { parseNetAddress } from '../../src/net/net-address.ts';
import { secretConnection } from '../../src/net/secret-connection.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { ByteStream } from '../../src/net/transport.ts';
import { ASK, BULK, ECHO, GO_CHANNELS } from '../../test/interop/go-peer.ts';
import { ECHO_PROTOCOL, type Libp2pStream, SINK_PROTOCOL, startLibp2p } from './libp2p-modules.ts';

async function libp2p(): Promise<string> {
  const node = await startLibp2p(true);
  await node.handle(ECHO_PROTOCOL, ({ stream }) => void stream.sink(stream.source).catch(() => {}));
  await node.handle(SINK_PROTOCOL, ({ stream }) => void drain(stream).catch(() => {}));
  return String(node.getMultiaddrs()[0]);
}

/** Counts, and answers with a byte for each that says all has arrived: the last byte of a message of the workload is 1. */
async function drain(stream: Libp2pStream): Promise<void> {
  async function* answers(): AsyncGenerator<Uint8Array> {
    for await (const piece of stream.source) {
      const bytes = piece.subarray();
      if (bytes[bytes.length - 1] === 1) yield Uint8Array.of(1);
    }
  }
  await stream.sink(answers());
}

/** Serves what the Go peer serves: echo, bulk that is counted, and the counts. */
async function serve(stream: ByteStream): Promise<void> {
  const engine = defaultEngine();
  const secret = await secretConnection(stream, {
    clock: systemClock,
    random: systemRandom,
    engine,
    nodeKey: engine.generateKeyPair(systemRandom),
  });
  const counts = { messages: 0, bytes: 0 };
  const mconnection = new MConnection(secret, GO_CHANNELS, {
    clock: systemClock,
    sendRateBytesPerSecond: 0,
    recvRateBytesPerSecond: 0,
    handlers: {
      onReceive: (channelId, message) => {
        if (channelId === ECHO) mconnection.trySend(ECHO, message);
        else if (channelId === ASK) mconnection.trySend(ASK, new TextEncoder().encode(JSON.stringify(counts)));
        else if (channelId === BULK) {
          counts.messages += 1;
          counts.bytes += message.length;
        }
      },
      onError: () => {},
    },
  });
  mconnection.start();
}

async function genmesh(): Promise<string> {
  const listener = await new TcpTransport().listen(parseNetAddress('tcp://127.0.0.1:0'), (stream) => {
    void serve(stream).catch((error: Error) => console.error(error.message));
  });
  return `tcp://127.0.0.1:${listener.address.port}`;
}

process.on('disconnect', () => process.exit(0));
process.send?.(await (process.argv[2] === 'libp2p' ? libp2p() : genmesh()));
