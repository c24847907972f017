import { systemClock } from '../../src/base/clock.ts';
import { MemoryNetwork } from '../../src/net/memory-transport.ts';
import type { NetAddress } from '../../src/net/net-address.ts';
import { TcpTransport } from '../../src/net/tcp-transport.ts';
import type { ByteStream, Transport } from '../../src/net/transport.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { secretTransport } from '../net/secret-rig.ts';
import { channelConformance } from './channel.ts';

async function twoEnds(transport: Transport, address: NetAddress): Promise<readonly [ByteStream, ByteStream]> {
  let accept: (stream: ByteStream) => void = () => {};
  const accepted = new Promise<ByteStream>((resolve) => {
    accept = resolve;
  });
  const listener = await transport.listen(address, (stream) => accept(stream));
  const dialled = await transport.dial(listener.address, { timeoutMs: 5000 });
  const ends = [dialled, await accepted] as const;
  await listener.close();
  return ends;
}

const MEMORY: NetAddress = { scheme: 'memory', host: 'a', port: 0 };
const TCP: NetAddress = { scheme: 'tcp', host: '127.0.0.1', port: 0 };

const memory = (): Transport => new MemoryNetwork({ clock: systemClock }).transport();
const chopped = (): Transport =>
  new MemoryNetwork({ clock: systemClock, random: new SeededRandom(3), chunkBytesMax: 700 }).transport();

channelConformance('memory', () => twoEnds(memory(), MEMORY));
channelConformance('memory cutting everything into small chunks', () => twoEnds(chopped(), MEMORY));
channelConformance('tcp', () => twoEnds(new TcpTransport(), TCP));
channelConformance('SecretConnection over memory', () => twoEnds(secretTransport(memory()), MEMORY));
channelConformance('SecretConnection over tcp', () => twoEnds(secretTransport(new TcpTransport()), TCP));
