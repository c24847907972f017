import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { CliError } from '../../src/cli/errors.ts';
import {
  formatKeyFile,
  KEY_FILE_BYTES_MAX,
  parseKeyFile,
  readKeyFile,
  readTextFile,
  TEXT_FILE_BYTES_MAX,
  writeKeyFile,
} from '../../src/cli/key-file.ts';
import { bytesToHex } from '../../src/codec/hex.ts';
import { defaultEngine } from '../../src/crypto/default-engine.ts';
import { CURVES } from '../../src/crypto/keys.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const engine = defaultEngine();
const random = new SeededRandom(7);
const folder = mkdtempSync(join(tmpdir(), 'genmesh-keys-'));
let fileCount = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function freshPath(): string {
  fileCount += 1;
  return join(folder, `${fileCount}.key`);
}

function failure(act: () => unknown): CliError {
  try {
    act();
  } catch (error) {
    return error as CliError;
  }
  throw new Error('nothing was thrown');
}

describe('a key file', () => {
  test.each(CURVES)('of %s comes back as it was written, for its owner only', (curve) => {
    const keyPair = engine.generateKeyPair(random, { curve, origin: 'usb' });
    const path = freshPath();
    writeKeyFile(path, keyPair, { force: false });
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
    const read = readKeyFile(path, engine);
    expect(read.exportPrivateKey()).toEqual(keyPair.exportPrivateKey());
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      format: 'genmesh-key/1',
      curve,
      origin: 'usb',
      publicKey: keyPair.publicKey.hex,
      privateKey: bytesToHex(keyPair.exportPrivateKey()),
    });
  });

  test('is never overwritten, unless it is asked for', () => {
    const path = freshPath();
    const [first, second] = [engine.generateKeyPair(random), engine.generateKeyPair(random)];
    writeKeyFile(path, first, { force: false });
    expect(failure(() => writeKeyFile(path, second, { force: false })).code).toBe('FILE_EXISTS');
    expect(readKeyFile(path, engine).publicKey.hex).toBe(first.publicKey.hex);
    chmodSync(path, 0o644);
    writeKeyFile(path, second, { force: true });
    expect(readKeyFile(path, engine).publicKey.hex).toBe(second.publicKey.hex);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('that cannot be written says where, and leaves nothing behind', () => {
    const missing = join(folder, 'no-such-folder', 'a.key');
    const keyPair = engine.generateKeyPair(random);
    expect(failure(() => writeKeyFile(missing, keyPair, { force: false }))).toMatchObject({ code: 'FILE_UNWRITABLE' });
    const taken = join(folder, 'taken.key');
    mkdirSync(taken);
    expect(failure(() => writeKeyFile(taken, keyPair, { force: true }))).toMatchObject({ code: 'FILE_UNWRITABLE' });
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  test('replaces plain files only: a link, a directory and a pipe stay what they are', () => {
    const keyPair = engine.generateKeyPair(random);
    const [link, dangling, real, pipe] = [freshPath(), freshPath(), freshPath(), freshPath()];
    execFileSync('mkfifo', [pipe]);
    writeKeyFile(real, keyPair, { force: false });
    symlinkSync(real, link);
    symlinkSync(join(folder, 'nowhere'), dangling);
    const refused = (path: string): string =>
      failure(() => writeKeyFile(path, engine.generateKeyPair(random), { force: true })).message;
    for (const path of [link, dangling])
      expect(refused(path)).toBe(`"${path}" is a link, which is not replaced: name a file`);
    expect(refused(folder)).toBe(`"${folder}" is a directory, which is not replaced: name a file`);
    expect(refused(pipe)).toBe(`"${pipe}" is no plain file, which is not replaced: name a file`);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readKeyFile(real, engine).publicKey.hex).toBe(keyPair.publicKey.hex);
    expect(statSync(pipe).isFIFO()).toBe(true);
    // Without force, too, nothing is written through a link.
    expect(failure(() => writeKeyFile(dangling, keyPair, { force: false })).code).toBe('FILE_EXISTS');
    expect(readdirSync(folder)).not.toContain('nowhere');
  });

  test('that is not there says how to make one', () => {
    expect(failure(() => readKeyFile(join(folder, 'none'), engine))).toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining('make one with genmesh keygen --out'),
    });
  });

  test('that is a directory is refused', () => {
    expect(failure(() => readKeyFile(folder, engine))).toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  test.each([0o644, 0o640, 0o604, 0o660, 0o610])('that is open to others (mode %o) is refused', (mode) => {
    const path = freshPath();
    writeKeyFile(path, engine.generateKeyPair(random), { force: false });
    chmodSync(path, mode);
    expect(failure(() => readKeyFile(path, engine))).toMatchObject({
      code: 'KEY_FILE_EXPOSED',
      message: expect.stringContaining(`chmod 600 ${path}`),
    });
    chmodSync(path, 0o400);
    expect(readKeyFile(path, engine).curve).toBe('ed25519');
  });

  test('may be as long as its bound and no longer', () => {
    const text = formatKeyFile(engine.generateKeyPair(random)).trim();
    for (const length of [KEY_FILE_BYTES_MAX - 1, KEY_FILE_BYTES_MAX, KEY_FILE_BYTES_MAX + 1]) {
      const path = freshPath();
      writeFileSync(path, text.padEnd(length), { mode: 0o600 });
      if (length <= KEY_FILE_BYTES_MAX) expect(readKeyFile(path, engine).curve).toBe('ed25519');
      else expect(failure(() => readKeyFile(path, engine))).toMatchObject({ code: 'FILE_UNREADABLE' });
    }
  });

  const keyPair = engine.keyPairFromSeed(new TextEncoder().encode('somebody'));
  const other = engine.keyPairFromSeed(new TextEncoder().encode('somebody else'));
  const secret = bytesToHex(keyPair.exportPrivateKey());
  const good = JSON.parse(formatKeyFile(keyPair)) as Record<string, unknown>;
  test.each([
    ['is not JSON', formatKeyFile(keyPair).slice(0, -3)],
    ['is not JSON', secret],
    ['holds no JSON object', '"text"'],
    ['holds no JSON object', 'null'],
    ['is not of the format genmesh-key/1', JSON.stringify({ ...good, format: 'other/1' })],
    ['has no privateKey in hex', JSON.stringify({ ...good, privateKey: 5 })],
    ['has a privateKey that is none', JSON.stringify({ ...good, privateKey: `${secret}00` })],
    ['has a privateKey that is none', JSON.stringify({ ...good, privateKey: `zz${secret.slice(2)}` })],
    ['has a privateKey that is none', JSON.stringify({ ...good, privateKey: `03${secret.slice(2)}` })],
    ['does not belong to its privateKey', JSON.stringify({ ...good, publicKey: other.publicKey.hex })],
    ['says another curve', JSON.stringify({ ...good, curve: 'secp256k1' })],
    ['says another origin', JSON.stringify({ ...good, origin: 'tpm' })],
  ])('that %s is refused without a word of its secret', (why, text) => {
    const error = failure(() => parseKeyFile(text, 'a.key', engine));
    expect(error).toMatchObject({ code: 'KEY_FILE_INVALID', message: expect.stringContaining(why) });
    expect(error.message).not.toContain(secret.slice(4, 12));
    expect(error.message).not.toContain(secret.slice(-8));
    expect(String(error.stack)).not.toContain(secret.slice(4, 20));
  });

  test('that was changed anywhere is read as a key or refused as a file, never anything else', () => {
    const text = formatKeyFile(keyPair);
    const change = fc.tuple(fc.nat({ max: text.length - 1 }), fc.string({ maxLength: 3 }), fc.nat({ max: 3 }));
    fc.assert(
      fc.property(change, ([at, inserted, removed]) => {
        const changed = text.slice(0, at) + inserted + text.slice(at + removed);
        try {
          parseKeyFile(changed, 'a.key', engine);
        } catch (error) {
          expect((error as CliError).code).toBe('KEY_FILE_INVALID');
          expect((error as CliError).message).not.toContain(secret.slice(8, 24));
        }
      }),
    );
  });
});

describe('a text file', () => {
  test('is read whole, up to its bound', () => {
    const path = freshPath();
    writeFileSync(path, 'x'.repeat(TEXT_FILE_BYTES_MAX));
    expect(readTextFile(path, 'peers file')).toHaveLength(TEXT_FILE_BYTES_MAX);
    writeFileSync(path, 'x'.repeat(TEXT_FILE_BYTES_MAX + 1));
    expect(failure(() => readTextFile(path, 'peers file'))).toMatchObject({ code: 'FILE_UNREADABLE' });
    expect(failure(() => readTextFile(`${path}.none`, 'peers file'))).toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining('peers file'),
    });
  });
});
