/**
 * The mailbox of a process and the turn in which it is emptied: FIFO, with a lane for the machinery and one for urgent
 * messages before it. What is linked, watched and ended is in `process.ts`, on top of this.
 */
import type { Clock } from '../base/clock.ts';
import type { DeadlineQueue } from '../base/deadline-queue.ts';
import type { Logger } from '../base/logger.ts';
import { RingQueue } from '../base/ring-queue.ts';
import type { Telemetry } from '../base/telemetry.ts';
import type { ExitReason } from './exit-reason.ts';
import { type Message, MessageKind } from './message.ts';
import { type Pid, printAsText } from './pid.ts';
import { ProcessExtras } from './process-extras.ts';
import type { Request } from './request.ts';
import type { TimerQueue } from './timer-queue.ts';

/** Messages one process handles before the next in the run queue has its turn. */
export const MESSAGES_PER_TURN = 64;

/** What a process needs of its system. @internal */
export interface ProcessHost {
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue<Request>;
  readonly timers: TimerQueue;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  /** A handler that runs longer, in ms, is reported; `undefined`: nobody looks. */
  readonly longHandlerMs: number | undefined;
  /** Calls that would wait for each other in a circle are refused. */
  readonly isDetectingCallCycles: boolean;
  /** A call made while another is served waits no longer than that one. */
  readonly isPropagatingDeadlines: boolean;
  /** Puts a process with messages into the run queue. */
  schedule(process: Mailbox): void;
  /** Counts handled messages; true when the process has to let go. */
  tick(messageCount: number): boolean;
  /** Frees the name of a process that ends, before anybody hears of it. */
  forget(process: Mailbox): void;
  whereis(name: string): Pid | undefined;
  nextId(): number;
}

/** Bits of {@link Mailbox.flags}. @internal */
export const Flag: Readonly<Record<string, number>> & {
  readonly dead: 1;
  readonly busy: 2;
  readonly scheduled: 4;
  readonly trapping: 8;
  readonly suspended: 16;
  readonly terminating: 32;
  readonly lanes: 64;
  readonly idleTimer: 128;
  readonly bounded: 256;
  readonly debugged: 512;
  readonly skipsAbandoned: 1024;
  readonly hibernating: 2048;
  readonly hasParent: 4096;
  readonly starting: 8192;
  readonly hibernatesAfter: 16384;
  readonly timed: 32768;
} = {
  dead: 1,
  busy: 2,
  scheduled: 4,
  trapping: 8,
  suspended: 16,
  terminating: 32,
  lanes: 64,
  idleTimer: 128,
  bounded: 256,
  debugged: 512,
  skipsAbandoned: 1024,
  hibernating: 2048,
  hasParent: 4096,
  starting: 8192,
  hibernatesAfter: 16384,
  timed: 32768,
};

const DEAD = 1;
const BUSY = 2;
const SCHEDULED = 4;
const SUSPENDED = 16;
const LANES = 64;
const BOUNDED = 256;
/** Bits that take a delivered message off the short path. */
const DELIVERY_IS_SLOW = DEAD | SUSPENDED | BOUNDED;
/** Bits that take a message to be handled off the short path. */
const TAKING_IS_SLOW = DEAD | BUSY | LANES | SUSPENDED;

/** Messages of one process after which the system is asked whether its slice is over; a power of two. */
const MESSAGES_PER_TICK = 16;
const TICK_MASK = MESSAGES_PER_TICK - 1;

let current: Mailbox | undefined;

/** The process whose callback runs. @internal */
export function currentMailbox(): Mailbox | undefined {
  return current;
}

/** The part of a process that takes messages. Fields are read by the process column only. @internal */
export abstract class Mailbox implements Pid {
  readonly id: number;
  readonly host: ProcessHost;
  flags: number;
  mailbox: RingQueue<Message> | undefined;
  extras: ProcessExtras | undefined;

  constructor(host: ProcessHost, flags: number) {
    this.id = host.nextId();
    this.host = host;
    this.flags = flags;
    this.mailbox = undefined;
    this.extras = undefined;
  }

  /** What people call this kind of process. */
  abstract get moduleName(): string;

  /** The process it was started by with a link. */
  abstract get parent(): Pid | undefined;

  /** Handles one message; a returned promise keeps the mailbox waiting. Must not throw. */
  protected abstract handle(message: Message): PromiseLike<void> | undefined;

  abstract end(reason: ExitReason): void;

  get isAlive(): boolean {
    return (this.flags & DEAD) === 0;
  }

  get isTrapping(): boolean {
    return (this.flags & Flag.trapping) !== 0;
  }

  get isSuspended(): boolean {
    return (this.flags & SUSPENDED) !== 0;
  }

  /** An async callback has not finished: messages wait. */
  get isBusy(): boolean {
    return (this.flags & BUSY) !== 0;
  }

  get isTerminating(): boolean {
    return (this.flags & Flag.terminating) !== 0;
  }

  get name(): string | undefined {
    return this.extras?.name;
  }

  get label(): string {
    return this.extras?.name ?? this.extras?.label ?? this.toString();
  }

  /** What a pid prints as, everywhere: `Module<id>`. State, messages and arguments never show. */
  toString(): string {
    return `${this.moduleName}<${this.id}>`;
  }

  get mailboxLength(): number {
    const { extras } = this;
    const lanes = extras === undefined ? 0 : (extras.systemLane?.length ?? 0) + (extras.urgentLane?.length ?? 0);
    return (this.mailbox === undefined ? 0 : this.mailbox.length) + lanes;
  }

  /** Makes room for what only few processes have. */
  more(): ProcessExtras {
    this.extras ??= new ProcessExtras();
    return this.extras;
  }

  /** Queues `message`; to a dead process it is dropped, and a request is answered `NOPROC`. */
  deliver(message: Message): void {
    const { flags } = this;
    if ((flags & DELIVERY_IS_SLOW) !== 0) {
      if (!this.deliverSlowly(message)) return;
    } else {
      if (this.mailbox === undefined) this.mailbox = new RingQueue<Message>();
      this.mailbox.push(message);
    }
    if ((flags & (SCHEDULED | BUSY)) === 0) {
      this.flags |= SCHEDULED;
      this.host.schedule(this);
    }
  }

  /** Queues `message` before all ordinary ones, behind the urgent ones that wait. */
  deliverUrgently(message: Message): void {
    if ((this.flags & DEAD) !== 0) {
      failRequest(message, 'NOPROC', 'noproc');
      return;
    }
    const extras = this.more();
    extras.urgentLane ??= new RingQueue<Message>();
    extras.urgentLane.push(message);
    this.flags |= LANES;
    this.wake();
  }

  /** Queues what runs before anything else that waits. */
  deliverFirst(message: Message): void {
    const extras = this.more();
    extras.systemLane ??= new RingQueue<Message>();
    extras.systemLane.unshift(message);
    this.flags |= LANES;
    this.wake();
  }

  private deliverSlowly(message: Message): boolean {
    if ((this.flags & DEAD) !== 0) {
      failRequest(message, 'NOPROC', 'noproc');
      return false;
    }
    if ((this.flags & SUSPENDED) !== 0 && isForMachinery(message, this)) {
      const extras = this.more();
      extras.systemLane ??= new RingQueue<Message>();
      extras.systemLane.push(message);
      this.flags |= LANES;
      return true;
    }
    if ((this.flags & BOUNDED) !== 0 && !this.hasRoomFor(message)) return false;
    this.mailbox ??= new RingQueue<Message>();
    this.mailbox.push(message);
    return true;
  }

  private hasRoomFor(message: Message): boolean {
    const bound = this.extras?.bound;
    if (bound === undefined || (this.mailbox?.length ?? 0) < bound.capacity || !isDroppable(message)) return true;
    if (bound.onFull === 'drop_oldest' && this.dropOldest()) {
      bound.droppedCount += 1;
      return true;
    }
    if (message.kind === MessageKind.call) message.fail('MAILBOX_FULL', bound.capacity);
    else bound.droppedCount += 1;
    return false;
  }

  private dropOldest(): boolean {
    const { mailbox } = this;
    for (let i = 0; mailbox !== undefined && i < mailbox.length; i += 1) {
      const candidate = mailbox.at(i) as Message;
      if (candidate.kind === MessageKind.call || !isDroppable(candidate)) continue;
      if (i === 0) mailbox.shift();
      else mailbox.filter((waiting) => waiting !== candidate);
      return true;
    }
    return false;
  }

  /** Handles messages until the mailbox is empty, the turn is used up, or a callback has to be waited for. */
  run(messagesMax: number = MESSAGES_PER_TURN): void {
    this.flags &= ~SCHEDULED;
    const { host } = this;
    const outer = current;
    current = this;
    let count = 0;
    let isEmpty = false;
    try {
      // The system is told of every 16th message and of the rest at the end: asking it each time costs a fifth of a cast.
      while (count < messagesMax) {
        const message = this.nextMessage();
        if (message === undefined) {
          isEmpty = true;
          break;
        }
        const pending = this.handle(message);
        if (pending !== undefined) this.hold(pending);
        count += 1;
        if ((count & TICK_MASK) === 0 && host.tick(MESSAGES_PER_TICK)) break;
      }
    } finally {
      current = outer;
    }
    host.tick(count & TICK_MASK);
    if (!isEmpty) this.wake();
  }

  /** The message to handle next, if there is one and it may be handled now. */
  private nextMessage(): Message | undefined {
    const { flags, mailbox } = this;
    if ((flags & TAKING_IS_SLOW) === 0) return mailbox === undefined ? undefined : mailbox.shift();
    return (flags & (DEAD | BUSY)) === 0 ? this.nextFromLanes() : undefined;
  }

  private nextFromLanes(): Message | undefined {
    const { extras } = this;
    const system = extras?.systemLane?.shift();
    if (system !== undefined || (this.flags & SUSPENDED) !== 0) return system;
    const urgent = extras?.urgentLane?.shift();
    if (urgent !== undefined) return urgent;
    this.flags &= ~LANES;
    return this.mailbox?.shift();
  }

  /** Runs `callback` as this process, so that {@link self} is right in it. */
  enter<T>(callback: () => T): T {
    const outer = current;
    current = this;
    try {
      return callback();
    } finally {
      current = outer;
    }
  }

  /** Makes the mailbox wait for `pending`, which must not reject. */
  hold(pending: PromiseLike<void>): void {
    this.flags |= BUSY;
    pending.then(() => {
      this.flags &= ~BUSY;
      this.wake();
    });
  }

  /** Puts the process into the run queue if there is something it may handle now. */
  wake(): void {
    if ((this.flags & (DEAD | BUSY | SCHEDULED)) !== 0) return;
    const { mailbox } = this;
    if (((this.flags & SUSPENDED) === 0 && mailbox !== undefined && mailbox.length > 0) || this.hasInLanes()) {
      this.flags |= SCHEDULED;
      this.host.schedule(this);
    }
  }

  private hasInLanes(): boolean {
    const { extras } = this;
    if (extras === undefined || (this.flags & (LANES | SUSPENDED)) === 0) return false;
    if ((extras.systemLane?.length ?? 0) > 0) return true;
    return (this.flags & SUSPENDED) === 0 && (extras.urgentLane?.length ?? 0) > 0;
  }
}

printAsText(Mailbox);

/** True for what even a suspended process handles: sys requests and the exit of its parent. @internal */
export function isForMachinery(message: Message, process: Mailbox): boolean {
  return (
    message.kind === MessageKind.system ||
    (message.kind === MessageKind.exit && message.payload.pid === process.parent && process.parent !== undefined)
  );
}

function isDroppable(message: Message): boolean {
  if (message.kind === MessageKind.info) return (message.payload as { type?: unknown } | undefined)?.type !== 'down';
  return message.kind === MessageKind.call || message.kind === MessageKind.cast;
}

/** @internal */
export function failRequest(message: Message, code: 'NOPROC' | 'EXIT', reason: ExitReason): void {
  if (message.kind === MessageKind.call) message.fail(code, reason);
  else if (message.kind === MessageKind.system) message.payload.request?.fail(code, reason);
}
