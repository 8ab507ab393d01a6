package dev.valetkey;

import java.util.Arrays;
import java.util.List;

/** A required scope was not granted: Authorize with this connection and the scopes. */
public final class ScopeNotGrantedException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  ScopeNotGrantedException(Failure failure) {
    super(failure);
  }

  /**
   * The scopes that were required and are not granted.
   *
   * @return unmodifiable
   */
  public List<String> missingScopes() {
    return Arrays.stream(text("missing_scopes").split(" ")).filter(s -> !s.isEmpty()).toList();
  }
}
