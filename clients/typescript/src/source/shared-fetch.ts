import { Backoff, RETRY_SHAPE } from "../backoff.js";
import { CallScope } from "../call-scope.js";
import {
  cancelled,
  Code,
  deadlineExceeded,
  errorOf,
  type Failure,
  type ValetKeyError,
} from "../errors.js";
import { failureOf } from "../failure.js";
import type { CallOptions } from "../params.js";
import type { Runtime, Timer } from "../runtime.js";
import type { Token } from "../token.js";

/** What a fetch is to do; the source's side of it. */
export interface Fetcher {
  /** Before the first try of a fetch. */
  prepare(): Promise<void>;
  /** One try. Throws what the transport throws. */
  attempt(scope: CallScope): Promise<Token>;
  /**
   * Takes what a try has brought: true if that is for the readers, false if
   * another try is needed.
   */
  accept(token: Token, readersWait: boolean): boolean;
  /** The same of an error. */
  refuse(error: ValetKeyError): boolean;
  /** What readers get while ValetKey is away, though it ends soon. */
  remaining(): Token | undefined;
  /** A fetch has ended; with an error, or well. */
  ended(error: ValetKeyError | undefined): void;
}

interface Reader {
  readonly deadline: number;
  /** The UNAVAILABLE of a try that it has waited for. */
  unavailable: ValetKeyError | undefined;
  readonly resolve: (token: Token) => void;
  readonly reject: (error: ValetKeyError) => void;
}

/**
 * The one fetch that all readers of a source share. It goes on, while ValetKey
 * is unavailable, for as long as somebody waits or it is in the background.
 */
export class SharedFetch {
  readonly #fetcher: Fetcher;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #backoff: Backoff;
  readonly #readers = new Set<Reader>();
  readonly #closing = new AbortController();
  #finished: Promise<void> = Promise.resolve();
  #running = false;
  #trying = false;
  #background = false;
  #again = false;
  /** Ends the wait between two tries; set during one. */
  #wake: (() => void) | undefined;
  #wakesAt = 0;
  #serversWait = false;

  /** @param timeoutMs - for a try, and for a reader that gives none. */
  constructor(fetcher: Fetcher, runtime: Runtime, timeoutMs: number) {
    this.#fetcher = fetcher;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#backoff = new Backoff(RETRY_SHAPE, runtime.random);
  }

  /** A token, within the caller's deadline. */
  join(options: CallOptions): Promise<Token> {
    const { clock } = this.#runtime;
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const leave = (): void => {
        this.#readers.delete(reader);
        timer?.cancel();
        signal?.removeEventListener("abort", abort);
      };
      const reader: Reader = {
        deadline: clock.monotonic() + timeoutMs,
        unavailable: undefined,
        resolve: (token) => {
          leave();
          resolve(token);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = (): void => {
        reader.reject(cancelled("the call was cancelled", signal?.reason));
      };
      let timer: Timer | undefined;
      if (signal?.aborted) {
        abort();
        return;
      }
      signal?.addEventListener("abort", abort);
      if (timeoutMs !== Infinity) {
        timer = clock.after(
          timeoutMs,
          () => {
            reader.reject(reader.unavailable ?? deadlineExceeded());
          },
          false,
        );
      }
      this.#readers.add(reader);
      this.#start();
      this.#hurry(reader);
    });
  }

  /** Fetches, or goes on with what is under way, in the background. */
  inBackground(): void {
    this.#background = true;
    this.#start();
  }

  /** The same, but what is under way is not enough. */
  anew(): void {
    this.#again = true;
    this.inBackground();
  }

  /** Whether a try is under way, whose answer may be of before now. */
  get trying(): boolean {
    return this.#trying;
  }

  /** Ends it; readers fail with CANCELED at once. */
  close(): void {
    this.#closing.abort();
    this.#wake?.();
    for (const reader of [...this.#readers]) {
      reader.reject(cancelled("the token source is closed"));
    }
  }

  /** When nothing of it runs any more. */
  async finished(): Promise<void> {
    await this.#finished;
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#finished = this.#run();
  }

  // Who has just come does not sit out a wait of ours, for an UNAVAILABLE is
  // not remembered; nor one of the server's that ends too late for them. Their
  // own waits are short at first.
  #hurry(reader: Reader): void {
    if (this.#serversWait && this.#wakesAt < reader.deadline) return;
    this.#backoff.reset();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    await this.#fetcher.prepare();
    this.#backoff.reset();
    while (this.#isWanted()) {
      this.#again = false;
      try {
        const token = await this.#try();
        if (this.#fetcher.accept(token, this.#readers.size > 0)) {
          for (const reader of [...this.#readers]) reader.resolve(token);
          this.#background = this.#again;
        }
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (isAway(failure.code)) {
          const waitMs = failure.retryDelayMs ?? this.#backoff.next();
          this.#serversWait = failure.retryDelayMs !== undefined;
          this.#unavailable({ ...failure, retryDelayMs: waitMs }, waitMs);
          if (this.#isWanted()) await this.#pause(waitMs);
        } else {
          const error = errorOf(failure);
          if (!this.#isOutdated() && this.#fetcher.refuse(error)) {
            this.#end(error);
            return;
          }
        }
      }
    }
    this.#end(undefined);
  }

  #isWanted(): boolean {
    return (
      !this.#closing.signal.aborted &&
      (this.#background || this.#readers.size > 0)
    );
  }

  #isOutdated(): boolean {
    return this.#again;
  }

  async #try(): Promise<Token> {
    const scope = new CallScope(
      this.#runtime.clock,
      this.#timeoutMs,
      [this.#closing.signal],
      true,
    );
    this.#trying = true;
    try {
      return await this.#fetcher.attempt(scope);
    } catch (thrown) {
      if (scope.ended === "deadline") throw deadlineExceeded();
      throw thrown;
    } finally {
      this.#trying = false;
      scope.dispose();
    }
  }

  // Who cannot wait so long fails now.
  #unavailable(failure: Failure, waitMs: number): void {
    const remaining = this.#fetcher.remaining();
    if (remaining !== undefined && failure.code === Code.Unavailable) {
      for (const reader of [...this.#readers]) reader.resolve(remaining);
    }
    const next = this.#runtime.clock.monotonic() + waitMs;
    const error = errorOf(failure);
    for (const reader of [...this.#readers]) {
      if (failure.code === Code.Unavailable) reader.unavailable = error;
      if (next >= reader.deadline) reader.reject(reader.unavailable ?? error);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { clock } = this.#runtime;
    this.#wakesAt = clock.monotonic() + ms;
    await new Promise<void>((resolve) => {
      const timer = clock.after(ms, resolve, true);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  // At once, and not when the promise is settled: a reader that has just been
  // answered may ask again before that.
  #end(error: ValetKeyError | undefined): void {
    this.#running = false;
    this.#background = false;
    if (error !== undefined) {
      for (const reader of [...this.#readers]) reader.reject(error);
    }
    this.#fetcher.ended(error);
  }
}

// A try that took too long says as little about the grant as one that failed.
function isAway(code: Code): boolean {
  return code === Code.Unavailable || code === Code.DeadlineExceeded;
}
