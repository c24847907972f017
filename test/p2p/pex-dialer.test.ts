import { describe, expect, test } from 'vitest';
import type { PexAddress } from '../../src/p2p/pex-address.ts';
import { dialPauseMs, PexDialer } from '../../src/p2p/pex-dialer.ts';
import { PexExchange } from '../../src/p2p/pex-exchange.ts';
import { DIAL_HISTORY_MAX, SEED_CRAWL_FORGET_MS, SEED_CRAWL_HISTORY_MAX } from '../../src/p2p/pex-limits.ts';
import type { DialOutcome } from '../../src/p2p/pex-network.ts';
import { SeedCrawler } from '../../src/p2p/pex-seed-crawler.ts';
import { at, createBook, FakeNetwork, idOf } from './pex-rig.ts';

const numbered = (index: number): PexAddress =>
  at(idOf(index), `20.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}`);

function rig(outcome: DialOutcome) {
  const made = createBook();
  const network = new FakeNetwork();
  network.outcomeOf = () => outcome;
  const dialer = new PexDialer({ ...made, network, persistentPauseMsMax: 0 });
  return { ...made, network, dialer };
}

describe('the pause between dials', () => {
  test.each([
    [0, 0.9, 0],
    [1, 0, 2000],
    [1, 0.5, 2500],
    [2, 0, 4000],
    [10, 0, 1_024_000],
    [15, 0, 32_768_000],
    [16, 0, 65_536_000],
    [17, 0, 65_536_000],
    [1_000_000, 0, 65_536_000],
  ])('after %i failures, by chance %d, it is %i ms', (attempts, chance, pauseMs) => {
    expect(dialPauseMs(attempts, chance)).toBe(pauseMs);
  });
});

describe('what is remembered is bounded', () => {
  test('failures of 20 800 addresses are remembered; for one more, those of the address dialled longest ago go', async () => {
    const { dialer } = rig('failed');
    for (let i = 0; i < DIAL_HISTORY_MAX - 1; i += 1) await dialer.dial(numbered(i));
    expect(dialer.historyCount).toBe(DIAL_HISTORY_MAX - 1);
    await dialer.dial(numbered(DIAL_HISTORY_MAX - 1));
    expect([dialer.historyCount, dialer.attemptsOf(numbered(0))]).toEqual([DIAL_HISTORY_MAX, 1]);
    await dialer.dial(numbered(DIAL_HISTORY_MAX));
    expect([dialer.historyCount, dialer.attemptsOf(numbered(0))]).toEqual([DIAL_HISTORY_MAX, 0]);
    expect(dialer.attemptsOf(numbered(1))).toBe(1);
  });

  test('a failure again makes an address the one dialled last', async () => {
    const { dialer, clock } = rig('failed');
    for (let i = 0; i < DIAL_HISTORY_MAX; i += 1) await dialer.dial(numbered(i));
    await clock.advance(3000);
    expect(await dialer.dial(numbered(0))).toBe('failed');
    await dialer.dial(numbered(DIAL_HISTORY_MAX));
    expect([dialer.attemptsOf(numbered(0)), dialer.attemptsOf(numbered(1))]).toEqual([2, 0]);
  });

  function crawlerRig() {
    const parts = rig('busy');
    const { book, clock } = parts;
    const exchange = new PexExchange({ book, clock, isSeed: true, onAnswer: () => {} });
    return { ...parts, crawler: new SeedCrawler({ ...parts, exchange, keepMs: 1000 }) };
  }

  test('a seed remembers 20 800 crawled peers; for one more, the one crawled longest ago is forgotten', async () => {
    const { crawler, network } = crawlerRig();
    const all = Array.from({ length: SEED_CRAWL_HISTORY_MAX + 1 }, (_, index) => numbered(index));
    await crawler.crawl(all.slice(0, SEED_CRAWL_HISTORY_MAX - 1));
    expect(crawler.historyCount).toBe(SEED_CRAWL_HISTORY_MAX - 1);
    await crawler.crawl(all.slice(SEED_CRAWL_HISTORY_MAX - 1));
    expect(crawler.historyCount).toBe(SEED_CRAWL_HISTORY_MAX);
    const count = network.dials.length;
    await crawler.crawl([numbered(1)]);
    await crawler.crawl([numbered(0)]);
    expect(network.dials.slice(count)).toEqual([numbered(0)]);
  });

  test('a seed forgets whom it did not crawl for over a day', async () => {
    const { crawler, clock } = crawlerRig();
    await crawler.crawl([numbered(1)]);
    await clock.advance(1000);
    await crawler.crawl([numbered(2)]);
    await clock.advance(SEED_CRAWL_FORGET_MS - 1000);
    await crawler.crawl([]);
    expect(crawler.historyCount).toBe(2);
    await clock.advance(1);
    await crawler.crawl([]);
    expect(crawler.historyCount).toBe(1);
  });
});
