package dev.valetkey;

/** Nothing has that name, or it is not the caller's. */
public final class NotFoundException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  NotFoundException(Failure failure) {
    super(failure);
  }
}
