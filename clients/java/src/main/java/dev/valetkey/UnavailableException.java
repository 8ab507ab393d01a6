package dev.valetkey;

/** ValetKey or the provider is away for now: try again after the retry delay. */
public final class UnavailableException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  UnavailableException(Failure failure) {
    super(failure);
  }
}
