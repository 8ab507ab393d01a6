package dev.valetkey;

import java.time.Duration;

/** Of arguments. */
final class Checks {
  private Checks() {}

  static Duration positive(Duration timeout) {
    if (timeout.isNegative() || timeout.isZero()) {
      throw new ConfigException("a timeout is more than zero, not " + timeout);
    }
    return timeout;
  }
}
