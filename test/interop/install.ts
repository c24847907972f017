/** Before the suite: every foreign program, installed once, so that what is missing is said once and at the start. */
import { describeReason } from '../../src/base/errors.ts';
import { installCometBft } from './cometbft-node.ts';
import { buildGoPeer } from './go-peer.ts';
import { buildGo, goProgram } from './go-program.ts';

/** Called by vitest (`vitest.interop.config.ts`); ends the program with 1 and one line when something is missing. */
export function setup(): void {
  try {
    goProgram();
    installCometBft();
    buildGoPeer();
    buildGo('test/interop/go-pex', 'go-pex');
  } catch (error) {
    // Thrown, it would be a page about tests that were not found.
    process.stderr.write(`\n${describeReason(error, 1000)}\n`);
    process.exit(1);
  }
}
