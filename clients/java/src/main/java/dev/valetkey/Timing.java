package dev.valetkey;

import java.time.Duration;

/** Time, chance and timers: what a test puts its own in place of. Thread-safe. */
interface Timing {
  /** Milliseconds since 1970. */
  long millis();

  /** Nanoseconds of a clock that never steps. */
  long nanos();

  /** A number in [0, 1). */
  double random();

  /** Runs the task once, after the delay, on a thread where it may block. */
  Timer schedule(Duration delay, Runnable task);

  /** A task to come. */
  interface Timer {
    /** Without effect once it runs. */
    void cancel();
  }

  /** The moment on {@link #nanos} that is so far from now. */
  default long after(Duration delay) {
    return nanos() + saturated(delay);
  }

  /** Whether the moment on {@link #nanos} is here. */
  default boolean reached(long nanos) {
    return nanos - nanos() <= 0;
  }

  /** What is left until the moment on {@link #nanos}; negative once it has passed. */
  default Duration until(long nanos) {
    return Duration.ofNanos(nanos - nanos());
  }

  /** Nanoseconds, at most a century: so that sums of them do not overflow. */
  private static long saturated(Duration delay) {
    Duration longest = Duration.ofDays(36_500);
    return (delay.compareTo(longest) < 0 ? delay : longest).toNanos();
  }
}
