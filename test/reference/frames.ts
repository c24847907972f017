/** The slow, obvious twin of the frame decoder: cuts the whole stream at once. */
export function referenceFrames(stream: Uint8Array): {
  readonly payloads: readonly Uint8Array[];
  readonly restBytes: number;
} {
  const payloads: Uint8Array[] = [];
  let at = 0;
  while (stream.length - at >= 4) {
    const length = new DataView(stream.buffer, stream.byteOffset + at).getUint32(0);
    if (stream.length - at - 4 < length) break;
    payloads.push(stream.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { payloads, restBytes: stream.length - at };
}
