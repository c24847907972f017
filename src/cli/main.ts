#!/usr/bin/env node
/** The `genmesh` program: `program.ts` with the real operating system around it. */
import { fileURLToPath } from 'node:url';
import { systemClock } from '../base/clock.ts';
import { runProgram } from './program.ts';
import { systemShell } from './system-shell.ts';

const code = await runProgram(process.argv.slice(2), systemShell(fileURLToPath(import.meta.url)));
process.exitCode = code;
// First the turn in which a failed write is told, then what was written goes out; then whatever may still be open (a
// terminal's input) does not hold the program up.
systemClock.defer(() => {
  if (process.stdout.writable) process.stdout.write('', () => process.exit(code));
  else process.exit(code);
});
