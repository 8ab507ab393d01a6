package dev.valetkey;

import java.util.List;

/**
 * Which token a source gives. Immutable.
 *
 * @param token which of the connection's tokens, where a provider gives several in one grant
 *     (Slack: {@code user}); empty: the main one
 * @param requiredScopes reading fails with {@link ScopeNotGrantedException} unless all of these
 *     were granted
 */
public record SourceOptions(String token, List<String> requiredScopes) {
  /** The main token, whatever its scopes. */
  public static final SourceOptions DEFAULT = new SourceOptions("", List.of());

  /**
   * Copies the scopes.
   *
   * @param token as above
   * @param requiredScopes as above
   */
  public SourceOptions {
    requiredScopes = List.copyOf(requiredScopes);
  }

  /**
   * These options for another of the connection's tokens.
   *
   * @param name such as {@code user}
   * @return new options
   */
  public SourceOptions withToken(String name) {
    return new SourceOptions(name, requiredScopes);
  }

  /**
   * These options with required scopes.
   *
   * @param scopes all that are required
   * @return new options
   */
  public SourceOptions withRequiredScopes(String... scopes) {
    return new SourceOptions(token, List.of(scopes));
  }
}
