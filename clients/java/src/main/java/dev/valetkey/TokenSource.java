package dev.valetkey;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * A connection's token that is always there: read from memory, and kept fresh in the background by
 * ValetKey's events and by a timer.
 *
 * <p>Made by {@link ValetKeyClient#tokenSource}; it opens nothing until it is first read. Make one
 * for each connection and keep it: reading is meant for each request. While ValetKey is away, the
 * token is served to its end.
 *
 * <p>Thread-safe.
 */
public final class TokenSource implements AutoCloseable {
  private final TokenKeeper keeper;
  private final Duration timeout;

  TokenSource(TokenKeeper keeper, Duration timeout) {
    this.keeper = keeper;
    this.timeout = timeout;
  }

  /**
   * A token that lives at least 2 s longer, within the client's timeout. Blocks when there is none
   * in memory, which is the first time as a rule.
   *
   * @return the token
   * @throws ValetKeyException if there is none: {@link ReauthorizationRequiredException}, {@link
   *     ConnectionRevokedException}, {@link UnavailableException} and others
   */
  public Token token() {
    return token(timeout);
  }

  /**
   * The same within another timeout.
   *
   * @param timeout more than zero
   * @return the token
   * @throws ValetKeyException if there is none
   */
  public Token token(Duration timeout) {
    Token token = keeper.peek();
    return token != null ? token : Calls.await(keeper.fetch(Checks.positive(timeout)));
  }

  /**
   * As {@link #token()}, without blocking. To cancel the future ends this wait only.
   *
   * @return done already if a token is in memory
   */
  public CompletableFuture<Token> tokenAsync() {
    return tokenAsync(timeout);
  }

  /**
   * As {@link #token(Duration)}, without blocking. To cancel the future ends this wait only.
   *
   * @param timeout more than zero
   * @return done already if a token is in memory
   */
  public CompletableFuture<Token> tokenAsync(Duration timeout) {
    Token token = keeper.peek();
    return token != null
        ? CompletableFuture.completedFuture(token)
        : keeper.fetch(Checks.positive(timeout));
  }

  /**
   * Says that the provider refused the token of this generation (it answered 401): it is not given
   * out any more. However many say so, ValetKey refreshes once. Without effect if a newer token is
   * held.
   *
   * @param generation of the token that was sent
   */
  public void invalidate(long generation) {
    keeper.invalidate(generation);
  }

  /**
   * Which connection's.
   *
   * @return its full name
   */
  public String connection() {
    return keeper.connection();
  }

  /** Ends what it does in the background. Those who wait for a token fail with CANCELLED. */
  @Override
  public void close() {
    keeper.close();
  }

  /** Without the token. */
  @Override
  public String toString() {
    return "TokenSource[" + connection() + "]";
  }

  TokenKeeper keeper() {
    return keeper;
  }
}
