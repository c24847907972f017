/**
 * The one loop through which everything of an MConnection goes out (`CometBFT p2p/conn/connection.go sendRoutine`).
 *
 * A turn takes packets in the order of the scheduler, pongs and pings, writes them as one piece, and lets the event
 * loop go on; the next turn follows when there is more, and nothing waits for a flush timer: what one turn of the
 * program produces leaves at its end. Bulk, which is every packet but a message of a single one that is no backlog,
 * waits for the window, the gate, the pace, the limit and the socket; small messages wait for none of them within
 * stated bounds; pings and pongs for nothing but a socket that takes no more.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { BulkPace } from './bulk-pace.ts';
import { BulkWindow, SMALL_BYTES_OVER_WINDOW_MAX } from './bulk-window.ts';
import type { ChannelSender } from './channel-sender.ts';
import { NetError } from './errors.ts';
import { FlowRate } from './flow-rate.ts';
import type { MConnectionSettings } from './mconnection-options.ts';
import { PacketSlab, TURN_BYTES_MAX, TURN_BYTES_MIN, TURN_BYTES_SHARED_MAX } from './mconnection-slab.ts';
import { type SenderStats, senderStats } from './mconnection-status.ts';
import { PacketScheduler } from './packet-scheduler.ts';
import { StallWatch } from './stall-watch.ts';
import type { ByteStream } from './transport.ts';

/** Bytes waiting in the stream from which small messages, pings and pongs wait for it too: 256 KiB. */
export const SMALL_BUFFERED_BYTES_MAX = 262_144;

/** Pongs owed at most: more pings than that, unanswered because the peer does not read, are answered by these. */
export const PONGS_OWED_MAX = 1024;

/** Bulk that waits for a rate goes on when this much may go, as time at that rate, in ms. */
const RATE_QUANTUM_MS = 2;

/** Time for which a channel has always had something to send after which its messages of one packet are bulk, in ms. */
const BACKLOG_MS = 20;

/** A turn of bulk that took longer than this, in ms, is followed by shorter ones; one of less than half by longer ones. */
const TURN_MS = 2;

const CONTROL_PACKET_BYTES = 3; // length, tag, length 0
const TAG_PING = 0x0a;
const TAG_PONG = 0x12;

/** What the sender needs of its connection. @internal */
export interface SenderOwner {
  /** A channel may have room for callers that wait. */
  onRoom(channel: ChannelSender): void;
  /** A ping has gone out. */
  onPingSent(nowMs: number): void;
  /** The peer took nothing for `writeTimeoutMs`. */
  onStall(reason: NetError): void;
  /** Everything queued has been written, asked for with `finish`. */
  onFinished(): void;
}

/** The way out of one connection. @internal */
export class MConnectionSender {
  readonly window: BulkWindow;
  readonly pace: BulkPace;
  readonly rate: FlowRate;
  readonly stats: SenderStats = senderStats();
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #channels: readonly ChannelSender[];
  readonly #owner: SenderOwner;
  readonly #scheduler: PacketScheduler;
  readonly #slab = new PacketSlab();
  readonly #stallWatch: StallWatch;
  readonly #packetBytesMax: number;
  #isRunning = false;
  #isFinishing = false;
  #isTurnArmed = false;
  #isInChunk = false;
  #isTurnWanted = false;
  #isCongested = false;
  #isPingDue = false;
  #pongsOwed = 0;
  #turnBytes = TURN_BYTES_MIN;
  #timer: Timer | undefined;
  #timerDueMs = 0;
  // What the turn under way may still send, and what it has had to leave.
  #hasSmallRoom = false;
  #windowRoom = 0;
  #rateRoom = 0;
  #creditRoom = 0;
  #isEofHeld = false;
  #isWindowWait = false;
  #isEofWait = false;
  #isRateWait = false;
  #isDrainWait = false;

  constructor(
    stream: ByteStream,
    channels: readonly ChannelSender[],
    settings: MConnectionSettings,
    owner: SenderOwner,
  ) {
    this.#stream = stream;
    this.#clock = settings.clock;
    this.#channels = channels;
    this.#owner = owner;
    const nowMs = settings.clock.monotonicMs();
    this.#scheduler = new PacketScheduler(channels, nowMs);
    this.#packetBytesMax = Math.max(...channels.map((channel) => channel.packetBytesMax));
    const rateBytesPerSecond = settings.sendRateBytesPerSecond;
    this.rate = new FlowRate({ rateBytesPerSecond, burstBytesMin: 8 * this.#packetBytesMax, nowMs });
    this.window = new BulkWindow({
      windowBytes: settings.bulkWindowBytes,
      windowBytesMax: settings.bulkWindowBytesMax,
      isEofGated: settings.isEofGated,
      isPingBehindMessages: settings.isPingBehindMessages,
      pingsPerSecondMax: settings.sendPingsPerSecondMax,
      nowMs,
    });
    this.pace = new BulkPace(settings.isAutoPaced, nowMs);
    const timeoutMs = settings.writeTimeoutMs;
    this.#stallWatch = new StallWatch({
      clock: settings.clock,
      timeoutMs,
      waitingBytes: () => stream.bufferedBytes,
      onStall: (waitingBytes) => {
        const text = `${waitingBytes} bytes for ${stream.remoteAddress}: none taken in ${timeoutMs} ms`;
        owner.onStall(new NetError('WRITE_TIMEOUT', text));
      },
    });
  }

  /** Begins; what was queued before goes out. */
  start(): void {
    this.#isRunning = true;
    this.wake();
  }

  /** Asks for a turn. Many calls are one turn. */
  wake(): void {
    if (this.#isTurnArmed || !this.#isRunning) return;
    this.#isTurnArmed = true;
    this.#clock.defer(this.#turn);
  }

  /** A message was queued: asks for a turn, which while a chunk is read comes at its end. */
  queued(): void {
    if (this.#isInChunk) this.#isTurnWanted = true;
    else this.wake();
  }

  /** Bytes of the peer are read from now on. */
  chunkBegins(): void {
    this.#isInChunk = true;
  }

  /** They are read: what handlers have queued meanwhile goes out in one turn, without a pause of the event loop before. */
  chunkEnds(): void {
    this.#isInChunk = false;
    if (!this.#isTurnWanted) return;
    this.#isTurnWanted = false;
    if (this.#isRunning) this.#sendTurn();
  }

  /** Writes now what the next turn would write. */
  flush(): void {
    if (this.#isRunning) this.#sendTurn();
  }

  /** Sends what is queued without window, gate, pace and limit; `onFinished` tells when the last of it is written. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#isRunning) this.wake();
    else this.#owner.onFinished();
  }

  /** Ends at once; what is queued is dropped. */
  stop(): void {
    this.#isRunning = false;
    this.#clearTimer();
    this.#stallWatch.stop();
    this.#slab.clear();
    this.#pongsOwed = 0;
    for (const channel of this.#channels) channel.clear();
  }

  /** The stream has room again. */
  drained(): void {
    this.#isCongested = false;
    this.wake();
  }

  /** A ping has come. */
  owePong(): void {
    if (this.#pongsOwed < PONGS_OWED_MAX) this.#pongsOwed += 1;
    this.wake();
  }

  /** A ping is to be sent, if none is out. */
  askForPing(): void {
    this.#isPingDue = true;
    this.wake();
  }

  /** A pong has come. @returns false when no ping was out. */
  pongReceived(nowMs: number): boolean {
    const sample = this.window.pongReceived(nowMs);
    if (sample === undefined) {
      this.stats.pongsUnasked += 1;
      return false;
    }
    this.stats.rttMsLast = sample.rttMs;
    this.pace.pong(sample, nowMs);
    this.wake();
    return true;
  }

  readonly #turn = (): void => {
    this.#isTurnArmed = false;
    if (this.#isRunning) this.#sendTurn();
  };

  #sendTurn(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#scheduler.decayTo(nowMs);
    const windowBytes = this.#openTurn(nowMs);
    const turnBytes = this.window.isShared(nowMs) ? TURN_BYTES_SHARED_MAX : this.#turnBytes;
    let messageBytes = 0;
    let hasSmall = false;
    let isControlDone = false;
    let isMore = false;
    for (;;) {
      const channel = this.#scheduler.pick(this.#isEligible);
      if (channel === undefined) break;
      const packetBytes = channel.nextPacketBytes;
      if (messageBytes > 0 && messageBytes + packetBytes > turnBytes) {
        isMore = true;
        break;
      }
      const isWhole = isSmall(channel);
      if (isWhole) hasSmall = true;
      else if (!isControlDone) {
        // Before the bulk of this turn: what the peer does with it comes later than what it does with the control packets.
        isControlDone = true;
        this.window.messagesSent(hasSmall, nowMs);
        this.#writeControl(nowMs, windowBytes, false, hasSmall);
        // Small messages leave before the time that it takes to seal this bulk.
        if (hasSmall) this.#write(nowMs);
      }
      const isEndOfBulk = !isWhole && channel.isNextEof;
      if (isEndOfBulk && this.window.wantsPlainPing) this.#writeControl(nowMs, windowBytes, true, hasSmall);
      this.#writePacket(channel, packetBytes, isWhole, nowMs);
      messageBytes += packetBytes;
      // Right behind the end whose pong the next one waits for.
      if (isEndOfBulk && this.#isEofHeld) this.#writeControl(nowMs, windowBytes, true, hasSmall);
    }
    this.window.messagesSent(hasSmall, nowMs);
    const isBlocked = this.#isWindowWait || this.#isEofWait;
    this.#writeControl(nowMs, windowBytes, isBlocked, hasSmall || !isMore);
    this.pace.take(messageBytes, nowMs);
    this.#write(nowMs);
    this.#slab.clear();
    if (isMore) this.#adaptTurn(this.#clock.monotonicMs() - nowMs);
    this.#closeTurn(nowMs, isMore);
  }

  /** Long turns spare the peer, which sleeps between them, and cost everything else in the program their time. */
  #adaptTurn(turnMs: number): void {
    if (turnMs > TURN_MS) this.#turnBytes = Math.max(TURN_BYTES_MIN, this.#turnBytes >>> 1);
    else if (turnMs < TURN_MS / 2) this.#turnBytes = Math.min(TURN_BYTES_MAX, this.#turnBytes * 2);
  }

  #openTurn(nowMs: number): number {
    const windowBytes = this.window.windowBytes(nowMs);
    this.#hasSmallRoom = this.#stream.bufferedBytes < SMALL_BUFFERED_BYTES_MAX;
    const rateRoom = this.#isFinishing ? Number.POSITIVE_INFINITY : this.rate.availableBytes(nowMs);
    this.#creditRoom = rateRoom + this.rate.burstBytes;
    this.#rateRoom = this.#isFinishing ? rateRoom : Math.min(rateRoom, this.pace.availableBytes(nowMs));
    this.#windowRoom = this.#isFinishing ? Number.POSITIVE_INFINITY : windowBytes - this.window.unpongedBytes;
    this.#isEofHeld = !this.#isFinishing && this.window.isEofHeld(nowMs);
    this.#isWindowWait = false;
    this.#isEofWait = false;
    this.#isRateWait = false;
    this.#isDrainWait = false;
    return windowBytes;
  }

  readonly #isEligible = (channel: ChannelSender): boolean => {
    if (isSmall(channel)) {
      if (!this.#hasSmallRoom) this.#isDrainWait = true;
      else if (this.#creditRoom <= 0) this.#isRateWait = true;
      else if (this.#windowRoom <= -SMALL_BYTES_OVER_WINDOW_MAX) this.#isWindowWait = true;
      else return true;
      return false;
    }
    // One packet always fits: a window smaller than a packet must not stop everything.
    if (this.#isCongested) this.#isDrainWait = true;
    else if (this.#windowRoom < channel.packetBytesMax && this.window.unpongedBytes > 0) this.#isWindowWait = true;
    else if (this.#rateRoom <= 0) this.#isRateWait = true;
    else if (this.#isEofHeld && channel.isNextEof) this.#isEofWait = true;
    else return true;
    return false;
  };

  #writePacket(channel: ChannelSender, wireBytes: number, isWhole: boolean, nowMs: number): void {
    const isEof = isWhole || channel.isNextEof;
    this.#slab.reserve(wireBytes);
    channel.writeNext(this.#slab.bytes, this.#slab.end);
    this.#slab.end += wireBytes;
    this.#windowRoom -= wireBytes;
    this.#rateRoom -= wireBytes;
    this.#creditRoom -= wireBytes;
    this.window.packetSent(wireBytes, isWhole, isEof);
    if (isEof && !isWhole && !this.#isFinishing) this.#isEofHeld = this.window.isEofHeld(nowMs);
    if (channel.waiterCount > 0 && !channel.isFull) {
      channel.isBacklogged = true;
      this.#owner.onRoom(channel);
    }
  }

  #writeControl(nowMs: number, windowBytes: number, isBlocked: boolean, isShared: boolean): void {
    if (!this.#hasSmallRoom) return;
    for (; this.#pongsOwed > 0; this.#pongsOwed -= 1) {
      this.#writeControlPacket(TAG_PONG);
      this.stats.pongsSent += 1;
    }
    const isDue = this.#isPingDue && !this.window.isPingOut;
    if (!isDue && !this.window.wantsPing(windowBytes, isBlocked, isShared)) return;
    if (!this.window.mayPing(nowMs)) {
      this.#armTimer(this.window.pingDelayMs);
      return;
    }
    this.#isPingDue = false;
    this.#writeControlPacket(TAG_PING);
    this.stats.pingsSent += 1;
    this.window.pingSent(nowMs);
    this.#owner.onPingSent(nowMs);
  }

  #writeControlPacket(tag: number): void {
    const slab = this.#slab;
    slab.reserve(CONTROL_PACKET_BYTES);
    slab.bytes[slab.end] = CONTROL_PACKET_BYTES - 1;
    slab.bytes[slab.end + 1] = tag;
    slab.bytes[slab.end + 2] = 0;
    slab.end += CONTROL_PACKET_BYTES;
  }

  #write(nowMs: number): void {
    if (this.#slab.end === 0) return;
    const bytes = this.#slab.take(this.#stream.writeMemory === 'copied');
    this.rate.take(bytes.length, nowMs);
    const waitingBytes = this.#stream.bufferedBytes;
    try {
      if (!this.#stream.write(bytes)) this.#isCongested = true;
    } catch (error) {
      // The stream is over; its onClose is under way and says so to the owner.
      if (!(error instanceof NetError)) throw error;
      return;
    }
    // Counted as the stream counts, which may be in sealed frames: only what it did not pass on at once waits.
    const addedBytes = this.#stream.bufferedBytes - waitingBytes;
    if (addedBytes > 0) this.#stallWatch.writing(addedBytes);
  }

  #closeTurn(nowMs: number, isMore: boolean): void {
    const { stats } = this;
    for (const channel of this.#channels) noteBacklog(channel, nowMs);
    if (this.#isWindowWait) stats.windowWaits += 1;
    if (this.#isEofWait) stats.eofWaits += 1;
    if (this.#isDrainWait) stats.drainWaits += 1;
    if (this.#isWindowWait || this.#isEofWait || this.#isRateWait || isMore) this.pace.saturated();
    this.rate.setLimited(this.#isRateWait, nowMs);
    if (this.#isRateWait) {
      stats.rateWaits += 1;
      const rateMs = this.rate.delayMs(this.#quantumBytes(this.rate.rateBytesPerSecond), nowMs);
      const paceMs = this.pace.delayMs(this.#quantumBytes(this.pace.bytesPerSecond), nowMs);
      this.#armTimer(Math.max(rateMs, paceMs));
    }
    if (isMore) this.wake();
    else if (this.#isFinishing && !this.#channels.some((channel) => channel.isPending)) this.#finished();
  }

  #finished(): void {
    this.#isFinishing = false;
    this.#isRunning = false;
    this.#clearTimer();
    this.#owner.onFinished();
  }

  #quantumBytes(rateBytesPerSecond: number): number {
    return Math.max(this.#packetBytesMax, (rateBytesPerSecond * RATE_QUANTUM_MS) / 1000);
  }

  #armTimer(delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + Math.max(1, delayMs);
    if (this.#timer !== undefined && this.#timerDueMs <= dueMs) return;
    this.#clearTimer();
    this.#timerDueMs = dueMs;
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timer = undefined;
        this.wake();
      },
      Math.max(1, delayMs),
    );
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

/** A message of one packet that waits for neither window nor gate, unless more of them come than go. */
function isSmall(channel: ChannelSender): boolean {
  return channel.isNextWhole && !channel.isBacklogged;
}

function noteBacklog(channel: ChannelSender, nowMs: number): void {
  if (!channel.isPending) {
    channel.isBacklogged = false;
    channel.pendingSinceMs = undefined;
  } else if (channel.pendingSinceMs === undefined) channel.pendingSinceMs = nowMs;
  else if (nowMs - channel.pendingSinceMs > BACKLOG_MS) channel.isBacklogged = true;
}
