/**
 * The slow, obvious twin of the packet decoder: one BigInt varint at a time over an array that is eaten from the front,
 * after the decoders that CometBFT generates. Throws a plain Error for what those refuse.
 */

/** What a packet holds, with `none` for one that is neither ping, pong nor message. */
export type ReferencePacket =
  | { readonly type: 'ping' | 'pong' | 'none' }
  | { readonly type: 'msg'; readonly channelId: number; readonly eof: boolean; readonly data: readonly number[] };

/** Decodes a packet, without a length before it. */
export function referencePacket(bytes: Uint8Array): ReferencePacket {
  const rest = [...bytes];
  let packet: ReferencePacket = { type: 'none' };
  eachField(rest, (field, wireType) => {
    if (field > 3) return false;
    if (wireType !== 2) throw new Error('wrong wire type');
    const body = take(rest, lengthOf(rest));
    if (field === 3) packet = referenceMsg(body);
    else {
      eachField(body, () => false);
      packet = { type: field === 1 ? 'ping' : 'pong' };
    }
    return true;
  });
  return packet;
}

function referenceMsg(rest: number[]): ReferencePacket {
  let [channelId, eof, data]: [number, boolean, number[]] = [0, false, []];
  eachField(rest, (field, wireType) => {
    if (field > 3) return false;
    if (wireType !== (field === 3 ? 2 : 0)) throw new Error('wrong wire type');
    if (field === 1) channelId = Number(BigInt.asIntN(32, varint(rest)));
    else if (field === 2) eof = varint(rest) !== 0n;
    else data = take(rest, lengthOf(rest));
    return true;
  });
  return { type: 'msg', channelId, eof, data };
}

/** Hands each field to `read`, and skips those of which it answers false. */
function eachField(rest: number[], read: (field: number, wireType: number) => boolean): void {
  while (rest.length > 0) {
    const tag = varint(rest);
    const field = Number(BigInt.asIntN(32, tag >> 3n));
    const wireType = Number(tag & 7n);
    if (wireType === 4) throw new Error('end of no group');
    if (field <= 0) throw new Error('illegal field number');
    if (!read(field, wireType)) skip(rest, wireType);
  }
}

function skip(rest: number[], wireType: number): void {
  if (wireType === 0) varint(rest);
  else if (wireType === 1) take(rest, 8n);
  else if (wireType === 2) take(rest, lengthOf(rest));
  else if (wireType === 5) take(rest, 4n);
  else if (wireType === 3) {
    for (let inner = varint(rest) & 7n; inner !== 4n; inner = varint(rest) & 7n) skip(rest, Number(inner));
  } else throw new Error('illegal wire type');
}

function lengthOf(rest: number[]): bigint {
  const length = varint(rest);
  if (length >= 1n << 63n) throw new Error('negative length');
  return length;
}

function varint(rest: number[]): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = take(rest, 1n)[0] as number;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new Error('varint overflow');
}

function take(rest: number[], count: bigint): number[] {
  if (count > BigInt(rest.length)) throw new Error('unexpected end');
  return rest.splice(0, Number(count));
}
