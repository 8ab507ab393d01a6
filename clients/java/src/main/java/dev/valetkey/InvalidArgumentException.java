package dev.valetkey;

/** The request is not well formed: mend it. */
public final class InvalidArgumentException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  InvalidArgumentException(Failure failure) {
    super(failure);
  }

  /**
   * Which field it is.
   *
   * @return empty if the server did not say
   */
  public String field() {
    return text("field");
  }
}
