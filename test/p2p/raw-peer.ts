/** A peer without a library behind it: a raw stream that speaks the Archethic wire as a test tells it to, or does not. */
import { encodeFrame, FrameDecoder } from '../../src/codec/frame.ts';
import type { MessageValue } from '../../src/codec/message.ts';
import { decodeMessageEnvelop } from '../../src/codec/message-envelop.ts';
import type { CryptoEngine } from '../../src/crypto/engine.ts';
import type { KeyPair, PublicKey } from '../../src/crypto/keys.ts';
import { type OpenedEnvelop, openMessageEnvelop, sealMessageEnvelop } from '../../src/crypto/sealed-envelop.ts';
import type { NetError } from '../../src/net/errors.ts';
import type { NetAddress } from '../../src/net/net-address.ts';
import type { ByteStream, Transport, TransportListener } from '../../src/net/transport.ts';
import type { PeerAddress } from '../../src/p2p/peer-address.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { testMessages } from './messages.ts';

/** The two bytes of a heartbeat in a frame. */
export const HEARTBEAT_FRAME: Uint8Array = Uint8Array.of(0, 0, 0, 2, 0x68, 0x62);

/** What arrived in an envelop. */
export interface RawMessage {
  readonly messageId: number;
  readonly sender: PublicKey;
  /** Encoded. */
  readonly message: Uint8Array;
  readonly value: MessageValue | undefined;
}

const random = new SeededRandom(99);

/** One connection, from either end. */
export class RawConnection {
  readonly stream: ByteStream;
  readonly identity: KeyPair;
  readonly engine: CryptoEngine;
  /** Payloads of frames but heartbeats. */
  readonly frames: Uint8Array[] = [];
  readonly messages: RawMessage[] = [];
  heartbeats = 0;
  /** Envelops that are not for this peer. */
  unreadable = 0;
  /** As a listening end does; two ends that both did would never stop. */
  answersHeartbeats = false;
  closed: { readonly reason: NetError | undefined } | undefined;
  onMessage: (message: RawMessage) => void = () => {};
  readonly #decoder = new FrameDecoder();

  constructor(stream: ByteStream, identity: KeyPair, engine: CryptoEngine) {
    this.stream = stream;
    this.identity = identity;
    this.engine = engine;
    stream.open({
      onData: (chunk) => this.#receive(chunk),
      onDrain: () => {},
      onClose: (reason) => {
        this.closed = { reason };
      },
    });
  }

  /** Writes bytes as they are; nothing on a connection that is over. */
  write(bytes: Uint8Array): void {
    if (this.closed === undefined) this.stream.write(Uint8Array.from(bytes));
  }

  /** Writes `payload` as a frame. */
  frame(payload: Uint8Array): void {
    this.write(encodeFrame(payload));
  }

  /** The envelop of an encoded message. */
  seal(recipient: PublicKey, messageId: number, message: Uint8Array): Uint8Array {
    const { engine, identity } = this;
    return sealMessageEnvelop(engine, { messageId, message, sender: identity, recipient, random });
  }

  /** Sends an encoded message, well sealed and signed. */
  send(recipient: PublicKey, messageId: number, message: Uint8Array): void {
    this.frame(this.seal(recipient, messageId, message));
  }

  #receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
    for (let payload = this.#decoder.next(); payload !== undefined; payload = this.#decoder.next()) this.#take(payload);
  }

  #take(payload: Uint8Array): void {
    if (payload.length === 2 && payload[0] === 0x68 && payload[1] === 0x62) {
      this.heartbeats += 1;
      if (this.answersHeartbeats) this.write(HEARTBEAT_FRAME);
      return;
    }
    this.frames.push(payload);
    let opened: OpenedEnvelop;
    try {
      opened = openMessageEnvelop(this.engine, payload, { recipient: this.identity });
    } catch {
      this.unreadable += 1; // sealed for somebody else
      return;
    }
    const { messageId, sender, message } = opened;
    let value: MessageValue | undefined;
    try {
      value = testMessages.decode(message);
    } catch {
      value = undefined; // a test may send what does not decode
    }
    const received: RawMessage = { messageId, sender, message, value };
    this.messages.push(received);
    this.onMessage(received);
  }
}

/** A listener whose connections answer what a test says. */
export class RawServer {
  readonly identity: KeyPair;
  readonly connections: RawConnection[] = [];
  /** Told of each message of each connection. */
  onMessage: (message: RawMessage, connection: RawConnection) => void = () => {};
  answersHeartbeats = true;
  readonly #listener: TransportListener;

  private constructor(identity: KeyPair, listener: TransportListener) {
    this.identity = identity;
    this.#listener = listener;
  }

  static async start(
    transport: Transport,
    address: NetAddress,
    identity: KeyPair,
    engine: CryptoEngine,
  ): Promise<RawServer> {
    const listener = await transport.listen(address, (stream) => {
      const connection = new RawConnection(stream, identity, engine);
      connection.answersHeartbeats = server.answersHeartbeats;
      connection.onMessage = (message) => server.onMessage(message, connection);
      server.connections.push(connection);
    });
    const server = new RawServer(identity, listener);
    return server;
  }

  get peer(): PeerAddress {
    return { publicKey: this.identity.publicKey, address: this.#listener.address };
  }

  /** The newest connection. */
  get connection(): RawConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('nobody has connected');
    return connection;
  }

  /** Messages of all connections, oldest first. */
  get messages(): RawMessage[] {
    return this.connections.flatMap((connection) => connection.messages);
  }

  close(): Promise<void> {
    return this.#listener.close();
  }
}

/** The message id in an envelop, without opening it. */
export function messageIdOf(payload: Uint8Array): number {
  return decodeMessageEnvelop(payload).messageId;
}
