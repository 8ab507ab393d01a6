import { Backoff, RETRY_SHAPE } from "./backoff.js";
import type { CallScope } from "./call-scope.js";
import {
  cancelled,
  Code,
  deadlineExceeded,
  errorOf,
  type ValetKeyError,
} from "./errors.js";
import { failureOf } from "./failure.js";

/**
 * Makes a call, and makes it again while ValetKey is unavailable, the call may
 * be repeated and the next try would begin before the deadline.
 *
 * @throws ValetKeyError
 */
export async function withRetries<T>(
  scope: CallScope,
  random: () => number,
  repeatable: boolean,
  attempt: () => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(RETRY_SHAPE, random);
  let earlier: ValetKeyError | undefined;
  for (;;) {
    throwIfEnded(scope, earlier);
    let failure;
    try {
      return await attempt();
    } catch (thrown) {
      failure = failureOf(thrown);
    }
    throwIfEnded(scope, earlier);
    // The server's clock may be ahead of ours by a little.
    if (failure.code === Code.DeadlineExceeded) {
      throw earlier ?? errorOf(failure);
    }
    if (failure.code !== Code.Unavailable || !repeatable) {
      throw errorOf(failure);
    }
    const waitMs = failure.retryDelayMs ?? backoff.next();
    earlier = errorOf({ ...failure, retryDelayMs: waitMs });
    if (waitMs >= scope.remainingMs) throw earlier;
    await scope.sleep(waitMs);
  }
}

function throwIfEnded(
  scope: CallScope,
  earlier: ValetKeyError | undefined,
): void {
  if (scope.ended === "cancelled") {
    throw cancelled("the call was cancelled", scope.cause);
  }
  if (scope.ended === "deadline") throw earlier ?? deadlineExceeded();
}
