package dev.valetkey;

/** The API key is missing or not valid. It never speaks of a user's grant. */
public final class UnauthenticatedException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  UnauthenticatedException(Failure failure) {
    super(failure);
  }
}
