package dev.valetkey;

import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** An access token as an application uses it. Immutable; {@link #toString} hides the secret. */
public final class Token {
  private final String accessToken;
  private final String tokenType;
  private final Instant expireTime;
  private final List<String> scopes;
  private final long generation;
  private final Instant refreshTime;

  private Token(dev.valetkey.v1.Token from) {
    accessToken = from.getAccessToken();
    tokenType = from.getTokenType();
    expireTime = from.hasExpireTime() ? instant(from.getExpireTime()) : null;
    scopes = List.copyOf(from.getScopesList());
    generation = from.getGeneration();
    refreshTime = from.hasRefreshTime() ? instant(from.getRefreshTime()) : null;
  }

  static Token of(dev.valetkey.v1.Token from) {
    return new Token(from);
  }

  private static Instant instant(com.google.protobuf.Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }

  /**
   * The secret. Do not log it.
   *
   * @return as the provider gave it
   */
  public String accessToken() {
    return accessToken;
  }

  /**
   * How the provider wants it sent (RFC 6749 section 7.1).
   *
   * @return usually {@code bearer}
   */
  public String tokenType() {
    return tokenType;
  }

  /**
   * When it ceases to be valid.
   *
   * @return empty: it does not expire, as far as anyone knows
   */
  public Optional<Instant> expireTime() {
    return Optional.ofNullable(expireTime);
  }

  /**
   * The scopes granted, which may be more or fewer than were requested.
   *
   * @return unmodifiable
   */
  public List<String> scopes() {
    return scopes;
  }

  /**
   * One more at every change of the connection's tokens.
   *
   * @return 1 or more
   */
  public long generation() {
    return generation;
  }

  /**
   * When ValetKey means to renew it.
   *
   * @return empty: never
   */
  public Optional<Instant> refreshTime() {
    return Optional.ofNullable(refreshTime);
  }

  /**
   * The value of an {@code Authorization} header. It holds the secret.
   *
   * @return such as {@code Bearer ya29...}
   */
  public String authorization() {
    boolean bearer = tokenType.isEmpty() || tokenType.equalsIgnoreCase("bearer");
    return (bearer ? "Bearer" : tokenType) + " " + accessToken;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Token that
        && accessToken.equals(that.accessToken)
        && tokenType.equals(that.tokenType)
        && Objects.equals(expireTime, that.expireTime)
        && scopes.equals(that.scopes)
        && generation == that.generation
        && Objects.equals(refreshTime, that.refreshTime);
  }

  @Override
  public int hashCode() {
    return Objects.hash(accessToken, generation, expireTime);
  }

  @Override
  public String toString() {
    return "Token[generation="
        + generation
        + ", tokenType="
        + tokenType
        + ", expireTime="
        + expireTime
        + ", scopes="
        + scopes
        + "]";
  }
}
