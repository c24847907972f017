/**
 * How much may be on its way to the peer, clocked by pongs, so that a small message never waits behind megabytes that the
 * socket has swallowed already.
 *
 * A pong proves that the peer has read everything before its ping, and an unmodified CometBFT peer, whose handlers run in
 * its receive loop, has handled it too. So bulk that is not ponged stays under a window; the last packet of a bulk
 * message waits while earlier ones keep the peer busy (the gate); and because a peer flushes when it writes a pong,
 * a ping right behind a message takes the peer's flush timer out of the round trip. One ping is out at a time, and never
 * more than a stated rate of them. The wire stays what it is. `mconnection-sender.ts` asks and tells.
 */
import { ReplyFlush } from './reply-flush.ts';
import { WindowGain } from './window-gain.ts';

/** Un-ponged bytes allowed while small messages share the link, by default: 128 KiB. */
export const BULK_WINDOW_BYTES_DEFAULT = 131_072;

/** Un-ponged bytes allowed at most, whatever is observed, by default: 4 MiB. */
export const BULK_WINDOW_BYTES_MAX_DEFAULT = 4_194_304;

/** Pings a second that are sent at most, by default; of CometBFT, 7000 a second for minutes went without complaint. */
export const SEND_PINGS_PER_SECOND_MAX_DEFAULT = 5_000;

/** Un-ponged bytes by which messages of one packet may go over a closed window: 64 KiB. */
export const SMALL_BYTES_OVER_WINDOW_MAX = 65_536;

/** Pings that may follow each other at once before their rate counts, at most; and no more than those of a second. */
const PING_BURST = 32;

/** Time without a small message after which the link counts as bulk only, in ms. */
const QUIET_MS = 1_000;

/** The window of a link of bulk only: this many times larger, */
const QUIET_FACTOR = 8;

/**
 * ... or what goes in this time, in ms, if that is more: the next small message finds that much before it, once. With less
 * the peer has read everything before the next bytes come, sleeps, and costs the sender the time to wake it.
 */
const QUIET_WINDOW_MS = 20;

/** A ping after this part of the window in bulk, and where there is little or none, after this part in all. */
const PINGS_PER_WINDOW = 4;
const PINGS_PER_SMALL_WINDOW = 2;

/** Round trips longer than the shortest by this, in ms, are late: the peer sleeps in a limiter or a handler. */
export const LATE_MS = 30;

/** Excess over the shortest round trip from which a pong is late for {@link WindowGain}, and time of a slow handler, in ms. */
const SLOW_MS = 4;

/** Time for which the round trip of a ping behind no end of a message is believed, in ms; then the shortest one stands for it. */
const PLAIN_MS_MAX = 2_000;

/** Messages of one packet that a ping may have before it and still count as one behind no end. */
const PLAIN_SMALL_MAX = 8;

/** What the peer's handlers may have before them in bulk, in ms, while small messages share the link; else it is the above. */
const SHARED_HANDLING_MS = 4;

/** Ends of bulk messages un-ponged at a time at most, while small messages share the link. */
const EOFS_SHARED_MAX = 32;

/** Bytes received during a round trip from which the peer counts as sending bulk itself. */
const INBOUND_BULK_BYTES = 16_384;

/** Boost of the window for a peer whose own bulk delays its pongs; 1 MiB at most. */
const INBOUND_BOOST_BYTES_MAX = 1_048_576;

/** Shortest round trip, in ms, from which the window grows with rate and round trip. */
const LONG_WAY_MS = 2;

/** Options of {@link BulkWindow}. @internal */
export interface BulkWindowOptions {
  /** 0 switches the window off. */
  readonly windowBytes: number;
  readonly windowBytesMax: number;
  readonly isEofGated: boolean;
  readonly isPingBehindMessages: boolean;
  readonly pingsPerSecondMax: number;
  readonly nowMs: number;
}

/** What one pong has told. @internal */
export interface PongSample {
  readonly rttMs: number;
  /** Over the shortest round trip seen. */
  readonly excessMs: number;
  /** Bytes that it proves read. */
  readonly pongedBytes: number;
  /** True when the peer's own bulk may have delayed it. */
  readonly isInboundBulk: boolean;
}

/** The window of one connection. @internal */
export class BulkWindow {
  readonly #options: BulkWindowOptions;
  #sentBytes = 0;
  #pingedBytes = 0;
  #bulkBytesUnpinged = 0;
  #pongedBytes = 0;
  #eofsSent = 0;
  #eofsPinged = 0;
  #eofsPonged = 0;
  #isPingOut = false;
  #pingSentMs = 0;
  #hasMessageUnpinged = false;
  #smallMs: number;
  #minRttMs = Number.POSITIVE_INFINITY;
  #isEofPing = false;
  #plainRttMs: number | undefined;
  #eofRttMs: number | undefined;
  #isGateNarrow = false;
  #plainAtMs = Number.NEGATIVE_INFINITY;
  #smallUnpinged = 0;
  #smallInPing = 0;
  #eofsInPing = 0;
  #eofsPerPing = 1;
  #bytesPerMs = 0;
  #inboundBoostBytes = 0;
  #receivedBytes = 0;
  #receivedBytesAtPing = 0;
  readonly #replyFlush = new ReplyFlush();
  readonly #gain = new WindowGain();
  #isBlocked = false;
  #isPingChosen = false;
  readonly #pingBurst: number;
  #pingTokens: number;
  #pingTokensMs: number;

  constructor(options: BulkWindowOptions) {
    this.#options = options;
    this.#smallMs = Number.NEGATIVE_INFINITY;
    this.#pingBurst = Math.max(1, Math.min(PING_BURST, options.pingsPerSecondMax));
    this.#pingTokens = this.#pingBurst;
    this.#pingTokensMs = options.nowMs;
  }

  /** Bytes sent that no pong has proven read. */
  get unpongedBytes(): number {
    return this.#sentBytes - this.#pongedBytes;
  }

  /** True while a ping is unanswered. */
  get isPingOut(): boolean {
    return this.#isPingOut;
  }

  /** Shortest round trip so far, in ms; Infinity before the first. */
  get minRttMs(): number {
    return this.#minRttMs;
  }

  /** True while messages of one packet go out now and then. */
  isShared(nowMs: number): boolean {
    return nowMs - this.#smallMs < QUIET_MS;
  }

  /** Un-ponged bytes allowed now; Infinity when switched off. */
  windowBytes(nowMs: number): number {
    const { windowBytes, windowBytesMax } = this.#options;
    if (windowBytes === 0) return Number.POSITIVE_INFINITY;
    const quietBytes = Math.max(windowBytes * QUIET_FACTOR, this.#bytesPerMs * QUIET_WINDOW_MS);
    const base = this.isShared(nowMs) ? windowBytes : quietBytes;
    // A long way holds many bytes without any queue: 1.25 of what fills it, so that the rate can still grow.
    const wayBytes =
      this.#minRttMs >= LONG_WAY_MS && Number.isFinite(this.#minRttMs) ? this.#bytesPerMs * this.#minRttMs * 1.25 : 0;
    const wanted = (base + wayBytes) * this.#gain.gain + this.#inboundBoostBytes;
    return Math.max(windowBytes, Math.min(windowBytesMax, wanted));
  }

  /** True while an end of a bulk message must wait for the pong behind an earlier one. */
  isEofHeld(nowMs: number): boolean {
    if (!this.#options.isEofGated || this.#options.windowBytes === 0) return false;
    const eofs = this.#eofsAllowed(this.isShared(nowMs)) * this.#gain.gain;
    this.#isGateNarrow = eofs < EOFS_SHARED_MAX;
    return this.#eofsSent - this.#eofsPonged >= eofs;
  }

  /** As many as the peer's handlers need the time for that a small message may find before it; 1 while it is not known. */
  #eofsAllowed(isShared: boolean): number {
    const eofsMax = isShared ? EOFS_SHARED_MAX : Number.POSITIVE_INFINITY;
    if (!this.#isLateBehindEnds) return eofsMax;
    const handlingMs = isShared ? SHARED_HANDLING_MS : QUIET_WINDOW_MS;
    return Math.max(1, Math.min(eofsMax, Math.floor(handlingMs / this.#handlerMs)));
  }

  /** What the peer's handler takes for a message, or, where that is less, the message's own way; Infinity at first. */
  get #handlerMs(): number {
    if (this.#eofRttMs === undefined || !this.#isPlainKnown) return Number.POSITIVE_INFINITY;
    return (this.#eofRttMs - this.#plainMs) / Math.max(1, this.#eofsPerPing);
  }

  get #isHandlerSlow(): boolean {
    return this.#isLateBehindEnds && this.#handlerMs > SLOW_MS;
  }

  /**
   * Late behind ends of messages, and only there: that is the peer's handler, or a long message itself. Late everywhere is
   * the way to it, or a busy machine, and holding ends back would only make that worse. True before anything is known.
   */
  get #isLateBehindEnds(): boolean {
    if (this.#eofRttMs === undefined || !this.#isPlainKnown) return true;
    return this.#eofRttMs > 2 * this.#plainMs;
  }

  /** Round trip of a ping behind no end, in ms. */
  get #plainMs(): number {
    return this.#plainRttMs ?? this.#minRttMs;
  }

  get #isPlainKnown(): boolean {
    return this.#plainRttMs !== undefined || Number.isFinite(this.#plainAtMs);
  }

  /** Whether a ping before an end of a bulk message would tell what one behind it is to be compared with. */
  get wantsPlainPing(): boolean {
    return this.#isGateNarrow && !this.#isPingOut;
  }

  /** Counts a packet that was written. */
  packetSent(wireBytes: number, isWhole: boolean, isEof: boolean): void {
    this.#sentBytes += wireBytes;
    if (isWhole) this.#smallUnpinged += 1;
    else this.#bulkBytesUnpinged += wireBytes;
    if (!isEof) return;
    this.#hasMessageUnpinged = true;
    if (!isWhole) this.#eofsSent += 1;
  }

  /**
   * Notes the end of a turn's messages, before its last ping is decided on.
   *
   * @param hasSmall - one of them was of a single packet: from now on the link is shared.
   */
  messagesSent(hasSmall: boolean, nowMs: number): void {
    if (hasSmall) this.#smallMs = nowMs;
    if (!this.#hasMessageUnpinged) return;
    this.#hasMessageUnpinged = false;
    if (this.#options.isPingBehindMessages && this.#replyFlush.decide(hasSmall, nowMs)) this.#isPingChosen = true;
  }

  /**
   * Whether a ping is to be sent now.
   *
   * @param isBlocked - bulk waits for the window or the gate.
   * @param isShared - the turn sent a message of one packet, or nothing more waits to be sent.
   */
  wantsPing(windowBytes: number, isBlocked: boolean, isShared: boolean): boolean {
    if (isBlocked) this.#isBlocked = true;
    if (this.#isPingOut) return false;
    const unpingedBytes = this.#sentBytes - this.#pingedBytes;
    if (unpingedBytes === 0) return false;
    if (isBlocked || this.#bulkBytesUnpinged >= windowBytes / PINGS_PER_WINDOW) return true;
    if (unpingedBytes >= windowBytes / PINGS_PER_SMALL_WINDOW) return true;
    return isShared && this.#isPingChosen;
  }

  /** True when the rate of pings allows one more now. */
  mayPing(nowMs: number): boolean {
    const perMs = this.#options.pingsPerSecondMax / 1000;
    this.#pingTokens = Math.min(this.#pingBurst, this.#pingTokens + (nowMs - this.#pingTokensMs) * perMs);
    this.#pingTokensMs = nowMs;
    return this.#pingTokens >= 1;
  }

  /** Time until {@link BulkWindow.mayPing} holds, in ms. */
  get pingDelayMs(): number {
    return Math.max(0, ((1 - this.#pingTokens) * 1000) / this.#options.pingsPerSecondMax);
  }

  /** Notes that a ping was written behind everything sent so far. */
  pingSent(nowMs: number): void {
    const elapsedMs = nowMs - this.#pingSentMs;
    if (elapsedMs > 0) {
      const rate = (this.#sentBytes - this.#pingedBytes) / elapsedMs;
      this.#bytesPerMs += (rate - this.#bytesPerMs) / 4;
    }
    this.#isPingOut = true;
    this.#pingSentMs = nowMs;
    this.#pingedBytes = this.#sentBytes;
    this.#bulkBytesUnpinged = 0;
    this.#isEofPing = this.#eofsSent > this.#eofsPinged;
    this.#eofsInPing = this.#eofsSent - this.#eofsPonged;
    this.#eofsPinged = this.#eofsSent;
    this.#smallInPing = this.#smallUnpinged;
    this.#smallUnpinged = 0;
    this.#isPingChosen = false;
    this.#replyFlush.pingSent();
    this.#receivedBytesAtPing = this.#receivedBytes;
    this.#pingTokens -= 1;
  }

  /** Notes bytes from the peer. */
  chunkReceived(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** Notes a packet of a message from the peer. */
  replyReceived(nowMs: number): void {
    this.#replyFlush.replyReceived(nowMs);
  }

  /** Takes a pong. @returns what it tells, or undefined when no ping is out. */
  pongReceived(nowMs: number): PongSample | undefined {
    if (!this.#isPingOut) return undefined;
    this.#isPingOut = false;
    const rttMs = nowMs - this.#pingSentMs;
    if (rttMs < this.#minRttMs) this.#minRttMs = rttMs;
    const excessMs = rttMs - this.#minRttMs;
    if (this.#isEofPing) {
      this.#eofRttMs = average(this.#eofRttMs, rttMs);
      this.#eofsPerPing = average(this.#eofsPerPing, this.#eofsInPing);
    } else if (this.#smallInPing <= PLAIN_SMALL_MAX) {
      this.#plainRttMs = average(this.#plainRttMs, rttMs);
      this.#plainAtMs = nowMs;
    }
    if (nowMs - this.#plainAtMs > PLAIN_MS_MAX) this.#plainRttMs = undefined;
    const pongedBytes = this.#pingedBytes - this.#pongedBytes;
    this.#pongedBytes = this.#pingedBytes;
    this.#eofsPonged = this.#eofsPinged;
    const isInboundBulk = this.#receivedBytes - this.#receivedBytesAtPing >= INBOUND_BULK_BYTES;
    this.#gain.pong(pongedBytes, excessMs > SLOW_MS && !this.#isHandlerSlow, this.#isBlocked, nowMs);
    this.#isBlocked = false;
    this.#adaptToInbound(excessMs, isInboundBulk);
    return { rttMs, excessMs, pongedBytes, isInboundBulk };
  }

  /** The peer's pong is written by the routine that sends its own bulk and sleeps in its limiter: room for that wait. */
  #adaptToInbound(excessMs: number, isInboundBulk: boolean): void {
    if (isInboundBulk && excessMs > LATE_MS) {
      const grown = Math.max(this.#options.windowBytes, this.#inboundBoostBytes * 2);
      this.#inboundBoostBytes = Math.min(INBOUND_BOOST_BYTES_MAX, grown);
    } else if (excessMs < LATE_MS) {
      this.#inboundBoostBytes = this.#inboundBoostBytes < 1024 ? 0 : this.#inboundBoostBytes * 0.95;
    }
  }
}

function average(before: number | undefined, sample: number): number {
  return before === undefined ? sample : before + (sample - before) / 4;
}
