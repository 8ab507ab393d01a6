package dev.valetkey;

/** The person declined, or the provider returned another error in place of a code. */
public final class ConsentDeniedException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  ConsentDeniedException(Failure failure) {
    super(failure);
  }
}
