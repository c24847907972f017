/** Owning time and chance: for tests and simulations. */
export { SeededRandom } from './seeded-random.ts';
export { SETTLE_TURNS_MAX, VirtualClock } from './virtual-clock.ts';
