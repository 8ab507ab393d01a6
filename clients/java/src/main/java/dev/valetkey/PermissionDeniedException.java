package dev.valetkey;

/** The API key lacks a right. It never speaks of a user's grant. */
public final class PermissionDeniedException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  PermissionDeniedException(Failure failure) {
    super(failure);
  }
}
