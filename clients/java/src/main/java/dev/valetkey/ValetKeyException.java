package dev.valetkey;

import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * A failed call. A subtype says what a program can act on; where there is none, branch on {@link
 * #reason} or {@link #code}, never on the message.
 *
 * <p>Its message begins with the code and the reason. Futures complete with this same type. It
 * holds no secret.
 */
public class ValetKeyException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  // An exception that was serialized has lost it, and tells its message only.
  private final transient Failure failure;

  ValetKeyException(Failure failure) {
    super(text(failure), failure.cause());
    this.failure = failure;
  }

  /**
   * What kind of failure it is.
   *
   * @return gRPC's code
   */
  public final Status.Code code() {
    return failure().code();
  }

  /**
   * Why, as an {@link dev.valetkey.v1.ErrorReason} by name. It may be one that this version does
   * not know.
   *
   * @return empty if there is none: ValetKey was not reached
   */
  public final String reason() {
    return failure().reason();
  }

  /**
   * What belongs to the reason, such as {@code field}.
   *
   * @return unmodifiable
   */
  public final Map<String, String> metadata() {
    return failure().metadata();
  }

  /**
   * How long to wait before another try.
   *
   * @return empty if a retry is no help
   */
  public final Optional<Duration> retryDelay() {
    return Optional.ofNullable(failure().retryDelay());
  }

  final Failure failure() {
    return failure == null ? Failure.of(Status.Code.UNKNOWN, getMessage()) : failure;
  }

  /** As a log shows it: what a program would branch on, and then the words for people. */
  private static String text(Failure failure) {
    String reason = failure.reason().isEmpty() ? "" : " " + failure.reason();
    return failure.code() + reason + ": " + failure.message();
  }

  /** A value of the metadata; empty if there is none. */
  final String text(String key) {
    return metadata().getOrDefault(key, "");
  }
}
