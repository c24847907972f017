/** What a demo shows while it runs: a page on a terminal, lines on anything else, nothing when only the summary is wanted. */
import type { Timer } from '../base/clock.ts';
import type { DemoFleet } from './demo-fleet.ts';
import type { DemoEvent } from './demo-model.ts';
import { renderDemo, renderDemoLine } from './demo-view.ts';
import { Screen } from './screen.ts';
import type { Shell } from './shell.ts';

/** Pause between two pages, in ms. */
export const PAGE_INTERVAL_MS = 250;

/** Pause between two lines, in ms. */
export const LINE_INTERVAL_MS = 1000;

/** How long the tree of one node is shown before the next, in ms, until somebody chooses one. */
export const ROTATE_INTERVAL_MS = 5000;

/** Shows a fleet. */
export interface DemoDisplay {
  open(): void;
  /** Says what the demo is doing now. */
  setPhase(phase: string): void;
  /** Gives the terminal back. */
  close(): void;
}

/** A display that shows nothing. */
export const noDisplay: DemoDisplay = { open: () => {}, setPhase: () => {}, close: () => {} };

/** Calls a second, as of late. */
class CallRate {
  readonly #fleet: DemoFleet;
  #atMs = 0;
  #calls = 0;
  #perSecond = 0;

  constructor(fleet: DemoFleet) {
    this.#fleet = fleet;
  }

  get perSecond(): number {
    const { elapsedMs, model } = this.#fleet;
    if (elapsedMs - this.#atMs >= 950) {
      const calls = model.links.reduce((sum, link) => sum + link.calls, 0);
      this.#perSecond = Math.max(0, Math.round(((calls - this.#calls) * 1000) / (elapsedMs - this.#atMs)));
      this.#atMs = elapsedMs;
      this.#calls = calls;
    }
    return this.#perSecond;
  }
}

/** A line a second, and one for each event. */
export class LineDisplay implements DemoDisplay {
  readonly #shell: Shell;
  readonly #fleet: DemoFleet;
  readonly #rate: CallRate;
  #timer: Timer | undefined;
  #lastEvent: DemoEvent | undefined;

  constructor(shell: Shell, fleet: DemoFleet) {
    this.#shell = shell;
    this.#fleet = fleet;
    this.#rate = new CallRate(fleet);
  }

  open(): void {
    this.#fleet.onChange(() => this.#tellEvents());
    this.#arm();
  }

  setPhase(phase: string): void {
    this.#shell.out(`${phase}\n`);
  }

  close(): void {
    if (this.#timer !== undefined) this.#shell.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#shell.clock.setTimer(() => {
      this.#arm();
      this.#shell.out(`${renderDemoLine(this.#fleet.model, this.#fleet.elapsedMs, this.#rate.perSecond)}\n`);
    }, LINE_INTERVAL_MS);
  }

  #tellEvents(): void {
    const { events } = this.#fleet.model;
    const fresh = events.slice(events.indexOf(this.#lastEvent as DemoEvent) + 1);
    this.#lastEvent = events.at(-1);
    for (const { text } of fresh) this.#shell.out(`${text}\n`);
  }
}

/** A page that follows the keys. */
export class PageDisplay implements DemoDisplay {
  readonly #shell: Shell;
  readonly #fleet: DemoFleet;
  readonly #rate: CallRate;
  readonly #screen: Screen;
  readonly #quit: () => void;
  #timer: Timer | undefined;
  #phase = 'starting';
  #shownNode = 0;
  #scroll = 0;
  #shownSinceMs = 0;
  #isRotating = true;

  /** @param quit - called for `q` and Ctrl-C. */
  constructor(shell: Shell, fleet: DemoFleet, quit: () => void) {
    if (shell.terminal === undefined) throw new TypeError('a page needs a terminal');
    this.#shell = shell;
    this.#fleet = fleet;
    this.#rate = new CallRate(fleet);
    this.#quit = quit;
    this.#screen = new Screen(
      shell.terminal,
      (size) => {
        const { model, elapsedMs } = fleet;
        const view = { shownNode: this.#shownNode, scroll: this.#scroll, phase: this.#phase };
        return renderDemo(model, { ...size, ...view, elapsedMs, callsPerSecond: this.#rate.perSecond });
      },
      (key) => this.#typed(key),
    );
  }

  open(): void {
    this.#screen.open();
    this.#arm();
  }

  setPhase(phase: string): void {
    this.#phase = phase;
    this.#screen.refresh();
  }

  close(): void {
    if (this.#timer !== undefined) this.#shell.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#screen.close();
  }

  #arm(): void {
    this.#timer = this.#shell.clock.setTimer(() => {
      this.#arm();
      const { elapsedMs } = this.#fleet;
      if (this.#isRotating && elapsedMs - this.#shownSinceMs >= ROTATE_INTERVAL_MS) this.#show(this.#shownNode + 1);
      this.#screen.refresh();
    }, PAGE_INTERVAL_MS);
  }

  #show(index: number): void {
    this.#shownNode = index % this.#fleet.model.nodes.length;
    this.#shownSinceMs = this.#fleet.elapsedMs;
    this.#scroll = 0;
  }

  #typed(key: string): void {
    const count = this.#fleet.model.nodes.length;
    if (key === 'q' || key === '\u0003') this.#quit();
    else if (/^[1-9]$/.test(key) && Number(key) <= count) this.#choose(Number(key) - 1);
    else if (key === ' ' || key === '\t' || key === 'n') this.#choose(this.#shownNode + 1);
    else if (key === 'j' || key === '\u001b[B') this.#scrollBy(1);
    else if (key === 'k' || key === '\u001b[A') this.#scrollBy(-1);
  }

  #choose(index: number): void {
    this.#isRotating = false;
    this.#show(index);
  }

  #scrollBy(lines: number): void {
    this.#isRotating = false;
    this.#scroll = Math.max(0, Math.min(1000, this.#scroll + lines));
  }
}
