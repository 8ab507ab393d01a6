/** A timer that has been set. */
export interface Timer {
  cancel(): void;
}

/** Time, so that tests can bring their own. All in milliseconds. */
export interface Clock {
  /** Since 1970; may jump. */
  now(): number;
  /** Since some moment; never goes back. */
  monotonic(): number;
  /**
   * Calls back once, after at least so long.
   *
   * A timer in the background does not keep the process alive.
   */
  after(ms: number, callback: () => void, background: boolean): Timer;
}

/** What the library takes from its surroundings. */
export interface Runtime {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How often an open connection is tried, and how long it may say nothing. */
  readonly keepalive: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
  };
}

// setTimeout takes what is longer for 1 ms.
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback, background) {
    let left = Math.max(0, Math.ceil(ms));
    let timeout: NodeJS.Timeout;
    const set = (): void => {
      const part = Math.min(left, LONGEST_TIMEOUT_MS);
      left -= part;
      timeout = setTimeout(left > 0 ? set : callback, part);
      if (background) timeout.unref();
    };
    set();
    return {
      cancel: () => {
        clearTimeout(timeout);
      },
    };
  },
};

export const systemRuntime: Runtime = {
  clock: systemClock,
  random: Math.random,
  env: process.env,
  keepalive: { intervalMs: 60_000, timeoutMs: 20_000 },
};
