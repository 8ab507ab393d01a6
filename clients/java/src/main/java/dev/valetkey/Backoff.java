package dev.valetkey;

import java.time.Duration;

/** Waits that grow from one failure to the next, with jitter. Not thread-safe. */
final class Backoff {
  private final Timing timing;
  private final double first;
  private final double factor;
  private double seconds;

  private Backoff(Timing timing, double first, double factor) {
    this.timing = timing;
    this.first = first;
    this.factor = factor;
    this.seconds = first;
  }

  /** Between the tries of a call. */
  static Backoff ofCalls(Timing timing) {
    return new Backoff(timing, 0.1, 2);
  }

  /** Between attempts to connect. */
  static Backoff ofConnecting(Timing timing) {
    return new Backoff(timing, 0.2, 1.6);
  }

  /** At most 5 s, times a random number in [0.5, 1.5). */
  Duration next() {
    double wait = seconds * (0.5 + timing.random());
    seconds = Math.min(seconds * factor, 5);
    return Duration.ofNanos((long) (wait * 1e9));
  }

  /** The next one is the first again. */
  void reset() {
    seconds = first;
  }
}
