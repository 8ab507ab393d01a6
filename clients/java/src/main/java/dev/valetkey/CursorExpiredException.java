package dev.valetkey;

/** The events after the cursor have been trimmed: list, or watch with a snapshot. */
public final class CursorExpiredException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  CursorExpiredException(Failure failure) {
    super(failure);
  }
}
