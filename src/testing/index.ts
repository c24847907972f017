/** A test kit for code that uses genmesh: virtual time, seeded scheduling, no sleeps. Start with `test-system.ts`. */
export { SeededScheduler, STEPS_PER_TURN_MAX } from './seeded-scheduler.ts';
export {
  ENTRIES_KEPT_MAX,
  forEachSeed,
  type LogEntry,
  type Probe,
  TestSystem,
  type TestSystemOptions,
} from './test-system.ts';
