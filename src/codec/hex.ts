/** Bytes as hex text, and their comparison. */
import { CodecError } from './errors.ts';

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The bytes as lower-case hex, two digits a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < bytes.length; i += 1) hex += HEX_OF_BYTE[bytes[i]!];
  return hex;
}

/**
 * The bytes written in `hex`, digits of either case, without prefix or blanks; a fresh array.
 *
 * @throws {@link CodecError} `INVALID_HEX` for an odd number of digits or anything that is no digit.
 */
export function hexToBytes(hex: string): Uint8Array {
  if (hex.length % 2 !== 0) {
    throw new CodecError('INVALID_HEX', `hex text has ${hex.length} digits: expected an even number`);
  }
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = digitAt(hex, 2 * i) * 16 + digitAt(hex, 2 * i + 1);
  }
  return bytes;
}

/** Says whether two arrays hold the same bytes. Stops at the first difference: not for secrets. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

function digitAt(hex: string, index: number): number {
  const code = hex.charCodeAt(index);
  if (code >= 48 && code <= 57) return code - 48; // 0-9
  const letter = code | 0x20;
  if (letter >= 97 && letter <= 102) return letter - 87; // a-f
  throw new CodecError('INVALID_HEX', `hex text has a character at ${index} that is no hex digit`);
}
