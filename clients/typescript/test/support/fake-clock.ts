import type { Clock, Timer } from "../../src/runtime.js";

interface Pending {
  readonly due: number;
  readonly background: boolean;
  readonly callback: () => void;
}

/** Time that passes only when it is told to. */
export class FakeClock implements Clock {
  readonly #start = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<Pending>();
  #elapsed = 0;

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, callback: () => void, background: boolean): Timer {
    const timer = { due: this.#elapsed + ms, callback, background };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Lets time pass, and rings the timers that are due, in their order. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.due > end) break;
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.callback();
    }
    this.#elapsed = end;
  }

  /**
   * In how many milliseconds each timer rings that keeps the process alive,
   * soonest first: deadlines, and waits of the caller's.
   */
  get timers(): number[] {
    return this.#left(false);
  }

  /** The same of those that do not. */
  get backgroundTimers(): number[] {
    return this.#left(true);
  }

  #left(background: boolean): number[] {
    return [...this.#timers]
      .filter((timer) => timer.background === background)
      .map(({ due }) => due - this.#elapsed)
      .sort((a, b) => a - b);
  }

  #next(): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.due < next.due) next = timer;
    }
    return next;
  }
}
