/**
 * Peer exchange messages: "whom do you know", and the answer (`proto/tendermint/p2p/pex.proto`, `types.proto
 * NetAddress`). Layout, and what makes an address usable; when to ask and whom to believe is for the p2p layer.
 */
import { formatIp, parseIp } from './cometbft-ip.ts';
import { readMessage, writeMessage } from './cometbft-message.ts';
import { CodecError } from './errors.ts';

/** Most addresses in one answer: what an honest node sends at most (`maxGetSelection`). */
export const PEX_ADDRESSES_MAX = 250;

/** Longest PEX message, in bytes. Not an implementation choice: 256 * 250. */
export const PEX_MESSAGE_BYTES_MAX = 64_000;

/** An address as it is sent: any text, any number. */
export interface PexNetAddress {
  /** Node id, 40 hex digits. */
  readonly id: string;
  /** IP address. */
  readonly ip: string;
  /** An unsigned 32-bit number; a port up to 65 535. */
  readonly port: number;
}

/** Asks for addresses. */
export interface PexRequest {
  readonly type: 'pex_request';
}

/** Answers with addresses. */
export interface PexAddrs {
  readonly type: 'pex_addrs';
  readonly addresses: readonly PexNetAddress[];
}

/** What is said on the PEX channel. */
export type PexMessage = PexRequest | PexAddrs;

/**
 * A message as bytes: a fresh array.
 *
 * @throws {@link CodecError} `OUT_OF_RANGE` for more than {@link PEX_ADDRESSES_MAX} addresses, or a port that is no
 *   unsigned 32-bit number.
 */
export function encodePexMessage(message: PexMessage): Uint8Array {
  if (message.type === 'pex_request') return writeMessage((writer) => writer.message(1, () => {}));
  checkCount(message.addresses.length);
  return writeMessage((writer) =>
    writer.message(2, (list) => {
      for (const { id, ip, port } of message.addresses) {
        if (!Number.isInteger(port) || port < 0 || port > 0xffff_ffff) {
          throw new CodecError('OUT_OF_RANGE', `port ${port} is not an unsigned 32-bit number`);
        }
        list.message(1, (address) => {
          address.string(1, id);
          address.string(2, ip);
          address.uint32(3, port);
        });
      }
    }),
  );
}

/**
 * Reads a message. Addresses are as sent: {@link checkPexAddress}.
 *
 * @throws {@link CodecError} `FRAME_TOO_LARGE` over {@link PEX_MESSAGE_BYTES_MAX}, `OUT_OF_RANGE` for more than
 *   {@link PEX_ADDRESSES_MAX} addresses (upstream has no such bound), `UNKNOWN_MESSAGE` for one that is neither request
 *   nor answer, `TRUNCATED` and `INVALID_VALUE` for what is no protobuf.
 */
export function decodePexMessage(bytes: Uint8Array): PexMessage {
  if (bytes.length > PEX_MESSAGE_BYTES_MAX) {
    throw new CodecError('FRAME_TOO_LARGE', `a PEX message of ${bytes.length} bytes: at most ${PEX_MESSAGE_BYTES_MAX}`);
  }
  let message: PexMessage | undefined;
  readMessage('PexMessage', bytes, {
    1: (reader) => {
      readMessage('PexRequest', reader.message(), {});
      message = { type: 'pex_request' };
    },
    2: (reader) => {
      message = { type: 'pex_addrs', addresses: decodeAddresses(reader.message()) };
    },
  });
  if (message === undefined) throw new CodecError('UNKNOWN_MESSAGE', 'a PEX message is neither request nor addresses');
  return message;
}

/**
 * Holds an address that came to what can be dialled: an IP address and a port. `netaddress.go NetAddressFromProto`, which
 * does not look at the id either.
 *
 * @returns the address, its IP in the shortest form.
 * @throws {@link CodecError} `INVALID_VALUE` for what is no IP address, `OUT_OF_RANGE` for a port over 65 535.
 */
export function checkPexAddress(address: PexNetAddress): PexNetAddress {
  const ip = parseIp(address.ip);
  if (ip === undefined) {
    throw new CodecError('INVALID_VALUE', `${JSON.stringify(address.ip.slice(0, 60))} is no IP address`);
  }
  if (address.port > 65_535) throw new CodecError('OUT_OF_RANGE', `port ${address.port} is over 65535`);
  return { id: address.id, ip: formatIp(ip), port: address.port };
}

function decodeAddresses(bytes: Uint8Array): PexNetAddress[] {
  const addresses: PexNetAddress[] = [];
  readMessage('PexAddrs', bytes, {
    1: (reader) => {
      checkCount(addresses.length + 1);
      const address = { id: '', ip: '', port: 0 };
      readMessage('NetAddress', reader.message(), {
        1: (field) => {
          address.id = field.string();
        },
        2: (field) => {
          address.ip = field.string();
        },
        3: (field) => {
          address.port = field.uint32();
        },
      });
      addresses.push(address);
    },
  });
  return addresses;
}

function checkCount(count: number): void {
  if (count <= PEX_ADDRESSES_MAX) return;
  throw new CodecError('OUT_OF_RANGE', `a PEX answer of more than ${PEX_ADDRESSES_MAX} addresses`);
}
