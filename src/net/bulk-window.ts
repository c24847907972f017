/**
 * How much may be on its way to the peer, clocked by pongs, so that a small message never waits behind megabytes that the
 * socket has swallowed already.
 *
 * A pong proves that the peer has read everything before its ping, and an unmodified CometBFT peer, whose handlers run in
 * its receive loop, has handled it too. So bulk that is not ponged stays under a window; the last packet of a bulk
 * message waits while the peer is busy with an earlier one (the gate); and because a peer flushes when it writes a pong,
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

/** Pings that may follow each other at once before their rate counts. */
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

/** Excess over the shortest round trip from which the peer's handlers count as slow, in ms. */
const SLOW_MS = 4;

/** What is left of the highest rate of late with each ping. */
const PEAK_FADE = 0.99;

/** Ends of bulk messages un-ponged at a time: beside a fast peer, and beside a slow one. */
const EOFS_FAST = 8;
const EOFS_SLOW = 1;

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
  #eofsInPing = 0;
  #eofsPerPing = 1;
  #bytesPerMs = 0;
  #peakBytesPerMs = 1;
  #bytesPerEof = 0;
  #bytesAtEofPing = 0;
  #inboundBoostBytes = 0;
  #receivedBytes = 0;
  #receivedBytesAtPing = 0;
  readonly #replyFlush = new ReplyFlush();
  readonly #gain = new WindowGain();
  #isBlocked = false;
  #isPingChosen = false;
  #pingTokens = PING_BURST;
  #pingTokensMs: number;

  constructor(options: BulkWindowOptions) {
    this.#options = options;
    this.#smallMs = Number.NEGATIVE_INFINITY;
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
      this.#minRttMs >= LONG_WAY_MS && this.#bytesPerMs > 0 ? this.#bytesPerMs * this.#minRttMs * 1.25 : 0;
    const wanted = (base + wayBytes) * this.#gain.gain + this.#inboundBoostBytes;
    return Math.max(windowBytes, Math.min(windowBytesMax, wanted));
  }

  /** True while an end of a bulk message must wait for the pong behind an earlier one. */
  isEofHeld(nowMs: number): boolean {
    if (!this.#options.isEofGated || this.#options.windowBytes === 0) return false;
    let eofs = EOFS_SLOW;
    if (!this.#isHandlerSlow) {
      // Beside nothing but bulk the window is enough: a gate that counts messages would narrow it again.
      if (!this.isShared(nowMs)) return false;
      eofs = EOFS_FAST;
    }
    return this.#eofsSent - this.#eofsPonged >= eofs * this.#gain.gain;
  }

  /**
   * Late behind ends of messages, by so much for each of them, and only there: that is the peer's handler. Late everywhere
   * is the way to it, or a busy machine, and holding ends back would only make that worse. Before anything is known,
   * handlers count as slow.
   */
  get #isHandlerSlow(): boolean {
    if (this.#eofRttMs === undefined || this.#plainRttMs === undefined) return true;
    const handlerMs = (this.#eofRttMs - this.#plainRttMs) / Math.max(1, this.#eofsPerPing);
    // Where a message is long, its own way makes a ping behind its end later than one in front of it.
    const wayMs = this.#bytesPerEof / this.#peakBytesPerMs;
    return handlerMs > SLOW_MS && handlerMs > this.#plainRttMs && handlerMs > wayMs / 2;
  }

  /** Whether a ping before an end of a bulk message would tell what one behind it is to be compared with. */
  get wantsPlainPing(): boolean {
    return this.#options.isEofGated && this.#options.windowBytes > 0 && !this.#isPingOut && this.#isHandlerSlow;
  }

  /** Counts a packet that was written. */
  packetSent(wireBytes: number, isWhole: boolean, isEof: boolean): void {
    this.#sentBytes += wireBytes;
    if (!isWhole) this.#bulkBytesUnpinged += wireBytes;
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
    this.#pingTokens = Math.min(PING_BURST, this.#pingTokens + (nowMs - this.#pingTokensMs) * perMs);
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
      this.#peakBytesPerMs = Math.max(1, this.#bytesPerMs, this.#peakBytesPerMs * PEAK_FADE);
    }
    this.#isPingOut = true;
    this.#pingSentMs = nowMs;
    this.#pingedBytes = this.#sentBytes;
    this.#bulkBytesUnpinged = 0;
    this.#isEofPing = this.#eofsSent > this.#eofsPinged;
    this.#eofsInPing = this.#eofsSent - this.#eofsPonged;
    if (this.#isEofPing) {
      const bytes = (this.#sentBytes - this.#bytesAtEofPing) / (this.#eofsSent - this.#eofsPinged);
      this.#bytesPerEof = average(this.#bytesPerEof, bytes);
      this.#bytesAtEofPing = this.#sentBytes;
    }
    this.#eofsPinged = this.#eofsSent;
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
    } else this.#plainRttMs = average(this.#plainRttMs, rttMs);
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
