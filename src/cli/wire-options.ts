/** What `--wire` and `--sealed` of the commands ask of the rest of a command line. */
import type { PublicKey } from '../crypto/keys.ts';
import type { Wire } from '../p2p/node-options.ts';
import { usage } from './command-line.ts';

/** What `--sealed` does. */
export const SEALED_HELP = 'on wire mconnection: signs and seals calls, and so their replies, end to end';

/** @throws CliError `USAGE` for `--sealed` on a wire that knows nothing else. */
export function checkSealed(wire: Wire, isSealed: boolean): void {
  if (!isSealed || wire === 'mconnection') return;
  throw usage(`--sealed is for wire mconnection: on wire ${wire} every message is sealed, leave it out`);
}

/** @throws CliError `USAGE` when one of the keys cannot be used on wire mconnection. */
export function requireEd25519(keys: readonly PublicKey[]): void {
  const other = keys.find(({ curve }) => curve !== 'ed25519');
  if (other === undefined) return;
  const remedy = 'make an ed25519 key with genmesh keygen, or give --wire archethic where the nodes speak that';
  throw usage(`wire mconnection takes ed25519 keys only: ${other} is of curve ${other.curve}: ${remedy}`);
}
