package dev.valetkey;

import java.time.Duration;
import java.time.Instant;

/**
 * A token in memory, and until when it may be given out. Immutable.
 *
 * @param usableUntil milliseconds since 1970
 * @param refreshAt when to fetch a newer one, milliseconds since 1970; {@link #NEVER} if it does
 *     not expire
 */
record Held(Token token, long usableUntil, long refreshAt) {
  static final long NEVER = Long.MAX_VALUE;

  private static final long REJECTED = Long.MIN_VALUE;

  /** What a reader needs to make use of it. */
  private static final long LIFE_LEFT_MS = 2000;

  private static final long SHORTEST_REPEAT_MS = 1000;

  /** As it comes at a moment, in milliseconds since 1970. */
  static Held of(Token token, long now) {
    if (token.expireTime().isEmpty()) {
      return new Held(token, NEVER, NEVER);
    }
    long expires = token.expireTime().get().toEpochMilli();
    long refreshAt =
        token.refreshTime().map(Instant::toEpochMilli).orElse(now + (expires - now) / 5 * 4);
    return new Held(token, expires - LIFE_LEFT_MS, refreshAt);
  }

  boolean isUsable(long now) {
    return now <= usableUntil;
  }

  /** Whether it is better than nothing: neither expired nor rejected. */
  boolean isAlive(long now) {
    return usableUntil != REJECTED && now < expires();
  }

  /** The same, given to nobody. */
  Held rejected() {
    return new Held(token, REJECTED, refreshAt);
  }

  /** Whether this may take the place of what was held before: generations never go back. */
  boolean replaces(Held before) {
    if (before == null || token.generation() > before.token.generation()) {
      return true;
    }
    return token.generation() == before.token.generation() && expires() > before.expires();
  }

  private long expires() {
    return token.expireTime().map(Instant::toEpochMilli).orElse(NEVER);
  }

  /**
   * How long until a background fetch.
   *
   * @param asked whether one has just been answered with this same generation
   * @param random in [0, 1)
   * @return null: none is needed, or it is too late for one
   */
  Duration untilRefresh(long now, boolean asked, double random) {
    long expires = expires();
    if (refreshAt == NEVER || now >= expires) {
      return null;
    }
    if (asked && now >= refreshAt) {
      return Duration.ofMillis(Math.max((expires - now) / 10, SHORTEST_REPEAT_MS));
    }
    long spread = (long) (Math.max(0, expires - refreshAt) * 0.1 * random);
    return Duration.ofMillis(Math.max(0, refreshAt - now) + spread);
  }
}
