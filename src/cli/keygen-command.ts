/** `genmesh keygen`: makes a key pair and writes it to a key file. */
import { hexToBytes } from '../codec/hex.ts';
import { CURVES, type KeyPair, ORIGINS } from '../crypto/keys.ts';
import { type Command, choice, command, EXIT_OK, flag, number, text, usage } from './command-line.ts';
import { formatKeyFile, writeKeyFile } from './key-file.ts';

/** Longest seed, in bytes. */
export const SEED_BYTES_MAX = 65_536;

const details: readonly string[] = [
  'Makes a key pair: at random, or always the same one from a seed. With --out it goes to a new file of mode 0600',
  'and the public key is printed; without, the key file is printed, private key included. A node has an ed25519 key;',
  'on wire archethic it may have one of another curve.',
  '',
  'A seed is bytes: an even number of hex digits stands for them, any other text for its UTF-8 bytes;',
  'hex:... and text:... say which is meant, - reads the bytes from standard input (others can see a command line).',
  'Under 32 bytes the key is SHA-256 of the seed, else its first 32 bytes; with --index the key of that number is',
  'derived from the seed, as Archethic derives the keys of a chain (a node is known by number 0).',
];

/** `genmesh keygen`. */
export const keygenCommand: Command = command({
  name: 'keygen',
  summary: 'makes a key pair and writes it to a key file',
  details,
  positionals: [],
  options: {
    curve: choice('CURVE', 'curve of the key', CURVES, 'ed25519'),
    origin: choice('ORIGIN', 'where the key is said to live', ORIGINS, 'software'),
    seed: text('SEED', 'makes the key from a seed instead of chance; see above'),
    index: number('N', 'number of the key derived from the seed', {
      min: 0,
      max: 0xffff_ffff,
      standard: undefined,
    }),
    out: text('FILE', 'writes the key file there'),
    force: flag('replaces FILE if it is there'),
  },
  exits: [],
  examples: ['genmesh keygen --out node.key', 'genmesh keygen --curve secp256r1 --seed "correct horse" --index 0'],
  async run({ curve, origin, seed, index, out, force }, _positionals, shell): Promise<number> {
    if (index !== undefined && seed === undefined) throw usage('option --index needs --seed SEED');
    if (force && out === undefined) throw usage('option --force needs --out FILE');
    const { engine, random } = shell;
    const options = { curve, origin };
    let keyPair: KeyPair;
    if (seed === undefined) keyPair = engine.generateKeyPair(random, options);
    else {
      const bytes = seed === '-' ? await shell.readInput(SEED_BYTES_MAX) : seedBytes(seed);
      if (bytes.length === 0) throw usage('the seed is empty: everybody would get the same key');
      keyPair =
        index === undefined ? engine.keyPairFromSeed(bytes, options) : engine.deriveKeyPair(bytes, index, options);
    }
    if (out === undefined) shell.out(formatKeyFile(keyPair));
    else {
      writeKeyFile(out, keyPair, { force });
      shell.out(`${keyPair.publicKey.hex}\n`);
    }
    return EXIT_OK;
  },
});

/** The bytes of a seed as typed; see the help text. @throws CliError `USAGE` for `hex:` without hex. @internal */
export function seedBytes(seed: string): Uint8Array {
  const isMarkedHex = seed.startsWith('hex:');
  const plain = isMarkedHex ? seed.slice(4) : seed.startsWith('text:') ? seed.slice(5) : seed;
  const isHex = /^(?:[0-9a-fA-F]{2})+$/.test(plain);
  if (isMarkedHex && !isHex) throw usage('the seed after hex: is not an even number of hex digits');
  return isHex && !seed.startsWith('text:') ? hexToBytes(plain) : new TextEncoder().encode(plain);
}
