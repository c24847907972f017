/**
 * A terminal as a page of lines that is drawn again and again: the alternate screen, without cursor, restored however the
 * program ends. A terminal that does not keep up gets fewer pages, never a backlog.
 */
import type { Unsubscribe } from '../base/emitter.ts';
import type { Terminal } from './shell.ts';

const ESC = '\u001b[';
/** Alternate screen, cursor off, no wrapping of long lines. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}0m${ESC}?1049l`;

/** How a piece of text looks. */
export type Style = 'plain' | 'bold' | 'dim' | 'good' | 'fair' | 'bad' | 'inverse';

const CODES: Readonly<Record<Style, string>> = {
  plain: '',
  bold: `${ESC}1m`,
  dim: `${ESC}2m`,
  good: `${ESC}32m`,
  fair: `${ESC}33m`,
  bad: `${ESC}31m`,
  inverse: `${ESC}7m`,
};

/** A piece of a line: ASCII text in one style. */
export type Span = readonly [text: string, style: Style];

/** A line of a page. */
export type Line = readonly Span[];

/** The line as text of at most `columns` characters, with escape sequences for its styles when `hasColor`. */
export function paint(line: Line, columns: number, hasColor: boolean): string {
  let rest = columns;
  let painted = '';
  for (const [text, style] of line) {
    if (rest <= 0) break;
    // Whatever is not printable ASCII could be wider than one column, or drive the terminal.
    const cut = text.replace(/[^\u0020-\u007e]/g, '?').slice(0, rest);
    rest -= cut.length;
    painted += hasColor && style !== 'plain' ? `${CODES[style]}${cut}${ESC}0m` : cut;
  }
  return painted;
}

/** The page on a terminal. */
export class Screen {
  readonly #terminal: Terminal;
  readonly #draw: (size: { readonly columns: number; readonly rows: number }) => readonly Line[];
  readonly #onKey: (key: string) => void;
  #subscriptions: Unsubscribe[] = [];
  #isOpen = false;
  #isCongested = false;

  /**
   * @param draw - the lines of the page at that size; those that do not fit are cut.
   * @param onKey - told of each key.
   */
  constructor(
    terminal: Terminal,
    draw: (size: { readonly columns: number; readonly rows: number }) => readonly Line[],
    onKey: (key: string) => void,
  ) {
    this.#terminal = terminal;
    this.#draw = draw;
    this.#onKey = onKey;
  }

  /** Takes the terminal over. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const terminal = this.#terminal;
    this.#subscriptions = [
      terminal.onExit(LEAVE),
      terminal.onKey((key) => {
        this.#onKey(key);
        this.refresh();
      }),
      terminal.onResize(() => this.refresh()),
      terminal.onDrain(() => {
        this.#isCongested = false;
      }),
    ];
    this.#isCongested = !terminal.write(ENTER);
    this.refresh();
  }

  /** Draws the page anew. */
  refresh(): void {
    if (!this.#isOpen || this.#isCongested) return;
    const terminal = this.#terminal;
    const { columns, rows } = terminal.size();
    const lines = this.#draw({ columns, rows }).slice(0, rows);
    const text = lines.map((line) => {
      // In the last column the cursor stands on the last character: clearing the rest would take it away.
      const isFull = line.reduce((sum, [span]) => sum + span.length, 0) >= columns;
      return `${paint(line, columns, terminal.hasColor)}${isFull ? '' : `${ESC}K`}`;
    });
    const rest = lines.length < rows ? `\r\n${ESC}J` : '';
    this.#isCongested = !terminal.write(`${ESC}H${text.join('\r\n')}${rest}`);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#terminal.write(LEAVE);
  }
}
