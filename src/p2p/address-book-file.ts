/**
 * Keeps an address book in a file: read once at the start, written every two minutes and at the end, never half. A file
 * that cannot be read as a book is left as it is, for a human to look at. `p2p/pex/addrbook.go saveRoutine`,
 * `p2p/pex/file.go`.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { checkOptionNames, describeReason, type OptionNames } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { bytesToHex } from '../codec/hex.ts';
import type { AddressBook } from './address-book.ts';
import { decodeAddressBook, encodeAddressBook } from './address-book-json.ts';
import { BOOK_FILE_BYTES_MAX, SAVE_INTERVAL_MS } from './address-book-limits.ts';
import { P2pError } from './errors.ts';

/** The four things that keeping a file safely takes: `diskFiles` in a program, a map in a test. */
export interface FileStore {
  /** The text of a file, or undefined when there is none. Rejects when it has more bytes. */
  readText(path: string, bytesMax: number): Promise<string | undefined>;
  /** Writes a new file, readable by its owner and group, and resolves when it is on the disk. */
  writeText(path: string, text: string): Promise<void>;
  /** Puts `from` in the place of `to`, at once. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
}

/** What an {@link AddressBookFile} is made with. */
export interface AddressBookFileOptions {
  readonly book: AddressBook;
  readonly files: FileStore;
  /** Where the book is kept: `addrbook.json` in CometBFT's `config` folder. */
  readonly path: string;
  readonly clock: Clock;
  /** Names the temporary files. */
  readonly random: Random;
  /** Told of saves that fail in the background. Default: silent. */
  readonly logger?: Logger;
  /** Time between two saves, in ms, 1000 and up. Default 120 000. */
  readonly saveIntervalMs?: number;
}

const OPTION_NAMES: OptionNames<AddressBookFileOptions> = {
  book: true,
  files: true,
  path: true,
  clock: true,
  random: true,
  logger: true,
  saveIntervalMs: true,
};

/** One book and its file. */
export class AddressBookFile {
  readonly #options: AddressBookFileOptions;
  readonly #logger: Logger;
  readonly #saveIntervalMs: number;
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();
  #corruption: P2pError | undefined;
  #isStarted = false;

  /** @throws RangeError when `saveIntervalMs` is under 1000, or for an option that is not known. */
  constructor(options: AddressBookFileOptions) {
    checkOptionNames(options, OPTION_NAMES);
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#saveIntervalMs = options.saveIntervalMs ?? SAVE_INTERVAL_MS;
    if (!(this.#saveIntervalMs >= 1000)) {
      throw new RangeError(`option saveIntervalMs is ${this.#saveIntervalMs}: expected 1000 or more`);
    }
  }

  /**
   * Reads the file into the book, replacing what is in it.
   *
   * @returns false when there is no file; the book stays as it is.
   * @throws P2pError `ADDRESS_BOOK_INVALID` for a file that cannot be read or is no book. From then on every save is
   *   refused with the same error, so that the file is not lost.
   */
  async load(): Promise<boolean> {
    const { book, files, path } = this.#options;
    try {
      const text = await files.readText(path, BOOK_FILE_BYTES_MAX);
      if (text === undefined) return false;
      const { key, addresses } = decodeAddressBook(text);
      book.restore(key === '' ? book.key : key, addresses);
    } catch (cause) {
      const why = cause instanceof P2pError ? cause.message : describeReason(cause);
      this.#corruption = new P2pError('ADDRESS_BOOK_INVALID', `${path}: ${why}`, { cause });
      throw this.#corruption;
    }
    this.#corruption = undefined;
    return true;
  }

  /** Begins to save every `saveIntervalMs`; a second call does nothing. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#arm();
  }

  /**
   * Writes the book beside the file and puts it in its place. Saves follow one another, never overlap.
   *
   * @throws P2pError `ADDRESS_BOOK_NOT_SAVED` when the files refuse, `ADDRESS_BOOK_INVALID` after a load that did; the
   *   file is as it was.
   */
  save(): Promise<void> {
    const saved = this.#saving.then(() => this.#write());
    this.#saving = saved.catch(() => {});
    return saved;
  }

  /** Ends the saving and saves once more. @throws P2pError as {@link AddressBookFile.save}. */
  stop(): Promise<void> {
    this.#isStarted = false;
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    return this.save();
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      void this.save()
        .catch((error: unknown) => this.#logger.error('address book was not saved', { error: describeReason(error) }))
        .then(() => {
          if (this.#isStarted && this.#timer === undefined) this.#arm();
        });
    }, this.#saveIntervalMs);
  }

  async #write(): Promise<void> {
    if (this.#corruption !== undefined) throw this.#corruption;
    const { book, files, path, random } = this.#options;
    const temporary = `${path}.${bytesToHex(random.bytes(8))}.tmp`;
    try {
      await files.writeText(temporary, encodeAddressBook(book));
      await files.rename(temporary, path);
    } catch (cause) {
      await files.remove(temporary).catch(() => {});
      throw new P2pError('ADDRESS_BOOK_NOT_SAVED', `${path}: ${describeReason(cause)}`, { cause });
    }
  }
}
