/**
 * What does the rest of OTP cost: more patterns of messages, lives and deaths, and the services on top? With the BEAM on the
 * PATH and other libraries installed, each beside theirs; see `bench/rivals/rivals.ts`.
 *
 * One workload of the usual set is missing: four endless loops beside a call. One JavaScript thread cannot take a running
 * handler off the core; what it promises instead is `timer_5ms_lateness_max` of `process.bench.ts`.
 */
import { type BenchOptions, type BenchTable, runTable } from '../harness.ts';
import { LIFETIME_WORKLOADS } from './lifetimes.ts';
import { MESSAGE_WORKLOADS } from './messages.ts';
import { SERVICE_WORKLOADS } from './services.ts';

/** Runs the workloads of messages, lifetimes and services. */
export function otpBench(options: BenchOptions = {}): Promise<BenchTable> {
  return runTable('OTP', [...MESSAGE_WORKLOADS, ...LIFETIME_WORKLOADS, ...SERVICE_WORKLOADS], options);
}
