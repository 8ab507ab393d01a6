import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "./runtime.js";

/** The time of one call: its deadline, and whoever may cancel it. */
export class CallScope {
  /** Why it ended; undefined while it goes on. */
  ended: "deadline" | "cancelled" | undefined;
  /** The reason of the signal that cancelled it. */
  cause: unknown;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #deadline: number;
  readonly #timer: Timer | undefined;
  readonly #detach: (() => void)[] = [];

  /**
   * @param timeoutMs - Infinity for none.
   * @param background - whether the process may end before it.
   */
  constructor(
    clock: Clock,
    timeoutMs: number,
    signals: readonly (AbortSignal | undefined)[],
    background = false,
  ) {
    this.#clock = clock;
    this.#deadline = clock.monotonic() + timeoutMs;
    if (timeoutMs !== Infinity) {
      this.#timer = clock.after(
        timeoutMs,
        () => {
          this.#end("deadline");
        },
        background,
      );
    }
    for (const signal of signals) this.#follow(signal);
  }

  /** Aborted when the scope ends. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Milliseconds, not below 0. */
  get remainingMs(): number {
    return Math.max(0, this.#deadline - this.#clock.monotonic());
  }

  /** Waits so long, or until the scope ends. */
  async sleep(ms: number, background = false): Promise<void> {
    if (this.ended !== undefined) return;
    const { signal } = this.#controller;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#clock.after(ms, done, background);
      signal.addEventListener("abort", done);
    });
  }

  cancel(): void {
    this.#end("cancelled");
  }

  /** Lets go of the timer and the signals; ends nothing. */
  dispose(): void {
    this.#timer?.cancel();
    for (const detach of this.#detach) detach();
    this.#detach.length = 0;
  }

  #follow(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = (): void => {
      this.cause ??= signal.reason;
      this.#end("cancelled");
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort);
    this.#detach.push(() => {
      signal.removeEventListener("abort", abort);
    });
  }

  #end(why: "deadline" | "cancelled"): void {
    if (this.ended !== undefined) return;
    this.ended = why;
    this.dispose();
    // Connect resets the stream with CANCEL for this code only.
    this.#controller.abort(new ConnectError("call ended", Code.Canceled));
  }
}
