package dev.valetkey;

import java.time.Duration;

/** An answer that is given again for a second, instead of asking. Guarded by its keeper's lock. */
final class RecentFailure {
  private static final Duration MEMORY = Duration.ofSeconds(1);

  private final Timing timing;
  private Failure failure;
  private long until;

  RecentFailure(Timing timing) {
    this.timing = timing;
  }

  void remember(Failure answer) {
    failure = answer;
    until = timing.after(MEMORY);
  }

  void forget() {
    failure = null;
  }

  /** Null if there is none. */
  Failure get() {
    return failure == null || timing.reached(until) ? null : failure;
  }
}
