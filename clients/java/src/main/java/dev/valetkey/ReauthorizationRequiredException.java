package dev.valetkey;

import dev.valetkey.v1.AuthorizeRequest;

/** The grant is dead at the provider: the person must consent again. */
public final class ReauthorizationRequiredException extends ValetKeyException {
  private static final long serialVersionUID = 1L;

  ReauthorizationRequiredException(Failure failure) {
    super(failure);
  }

  /**
   * The connection to authorize again.
   *
   * @return its full name
   */
  public String connection() {
    return text("connection");
  }

  /**
   * The provider whose grant it was.
   *
   * @return its full name
   */
  public String provider() {
    return text("provider");
  }

  /**
   * Whose grant it was.
   *
   * @return the application's own id of its user
   */
  public String subject() {
    return text("subject");
  }

  /**
   * Ready for {@link ValetKeyClient#authorize}; add a return URI or scopes as needed. The
   * connection keeps its name and its subject.
   *
   * @return a new request
   */
  public AuthorizeRequest authorizeRequest() {
    return AuthorizeRequest.newBuilder()
        .setConnection(connection())
        .setProvider(provider())
        .setSubject(subject())
        .build();
  }
}
