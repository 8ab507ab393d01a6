package dev.valetkey;

import dev.valetkey.v1.CreateKeyResponse;
import dev.valetkey.v1.Key;

/** A key just made, with its secret. Immutable; {@link #toString} hides the secret. */
public final class NewKey {
  private final Key key;
  private final String secret;

  private NewKey(CreateKeyResponse from) {
    key = from.getKey();
    secret = from.getSecret();
  }

  static NewKey of(CreateKeyResponse from) {
    return new NewKey(from);
  }

  /**
   * The key, without its secret.
   *
   * @return with its name
   */
  public Key key() {
    return key;
  }

  /**
   * What a client sends. It is shown this one time.
   *
   * @return {@code vk_} and 43 characters
   */
  public String secret() {
    return secret;
  }

  @Override
  public String toString() {
    return "NewKey[" + key.getName() + "]";
  }
}
