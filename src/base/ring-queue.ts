/** A first-in first-out queue on a ring that doubles when full: no per-item allocation, no shifting of what waits. */

const CAPACITY_MIN = 8;

/**
 * First-in first-out queue; push, shift and peek are O(1) (push amortised). Unbounded by itself: whoever fills it from
 * outside checks `length` against a named limit first.
 */
export class RingQueue<T> {
  #items: (T | undefined)[] = [];
  #mask = -1;
  #head = 0;
  #length = 0;

  /** Items waiting. */
  get length(): number {
    return this.#length;
  }

  /** Appends `item`. */
  push(item: T): void {
    if (this.#length > this.#mask) this.grow();
    this.#items[(this.#head + this.#length) & this.#mask] = item;
    this.#length += 1;
  }

  /** Puts `item` before all others. */
  unshift(item: T): void {
    if (this.#length > this.#mask) this.grow();
    this.#head = (this.#head - 1) & this.#mask;
    this.#items[this.#head] = item;
    this.#length += 1;
  }

  /** Takes the oldest item, or gives `undefined` when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & this.#mask;
    this.#length -= 1;
    return item;
  }

  /** The item at `index` from the oldest (0), or `undefined` past the end. */
  at(index: number): T | undefined {
    return index < 0 || index >= this.#length ? undefined : this.#items[(this.#head + index) & this.#mask];
  }

  /** The oldest item without taking it. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  /** Keeps only the items that pass, in order; O(n). */
  filter(keep: (item: T) => boolean): void {
    const count = this.#length;
    for (let i = 0; i < count; i += 1) {
      const item = this.shift() as T;
      if (keep(item)) this.push(item);
    }
  }

  /** Drops everything and the memory behind it. */
  clear(): void {
    this.#items = [];
    this.#mask = -1;
    this.#head = 0;
    this.#length = 0;
  }

  /** A copy of the items, oldest first. */
  toArray(): T[] {
    const copy: T[] = [];
    for (let i = 0; i < this.#length; i += 1) copy.push(this.#items[(this.#head + i) & this.#mask] as T);
    return copy;
  }

  private grow(): void {
    const capacity = Math.max(CAPACITY_MIN, (this.#mask + 1) * 2);
    const items = new Array<T | undefined>(capacity);
    for (let i = 0; i < this.#length; i += 1) items[i] = this.#items[(this.#head + i) & this.#mask];
    this.#items = items;
    this.#mask = capacity - 1;
    this.#head = 0;
  }
}
