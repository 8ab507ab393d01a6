package dev.valetkey;

/** The connection was revoked here: forget it. */
public final class ConnectionRevokedException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  ConnectionRevokedException(Failure failure) {
    super(failure);
  }
}
