package dev.valetkey;

import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Why a call failed, as a value: it may be told to many readers, each of whom gets an exception of
 * his own, with his own stack.
 *
 * @param reason an ErrorReason by name; empty if there is none
 * @param retryDelay null if a retry is no help
 * @param cause what lies below, such as a connection refused; null if nothing does
 */
record Failure(
    Status.Code code,
    String reason,
    Map<String, String> metadata,
    Duration retryDelay,
    String message,
    Throwable cause) {

  Failure {
    metadata = Map.copyOf(metadata);
  }

  static Failure of(Status.Code code, String message) {
    return new Failure(code, "", Map.of(), null, message, null);
  }

  static Failure cancelled(String message) {
    return of(Status.Code.CANCELLED, message);
  }

  static Failure deadlineExceeded() {
    return of(Status.Code.DEADLINE_EXCEEDED, "the deadline passed");
  }

  /** The failure in an exception of this library's, or one around whatever else it is. */
  static Failure in(Throwable error) {
    return error instanceof ValetKeyException known ? known.failure() : GrpcErrors.failure(error);
  }

  boolean is(Status.Code other) {
    return code == other;
  }

  /** How long to wait before the next try: as the server says, or as the backoff does. */
  Duration waitOr(Backoff backoff) {
    return Optional.ofNullable(retryDelay).orElseGet(backoff::next);
  }

  Failure withRetryDelay(Duration delay) {
    return new Failure(code, reason, metadata, delay, message, cause);
  }

  /** Of the subtype that the reason, or else the code, has. */
  ValetKeyException toException() {
    return switch (reason) {
      case "REAUTHORIZATION_REQUIRED" -> new ReauthorizationRequiredException(this);
      case "CONNECTION_REVOKED" -> new ConnectionRevokedException(this);
      case "SCOPE_NOT_GRANTED" -> new ScopeNotGrantedException(this);
      case "CONSENT_DENIED" -> new ConsentDeniedException(this);
      case "CURSOR_EXPIRED" -> new CursorExpiredException(this);
      default -> byCode();
    };
  }

  private ValetKeyException byCode() {
    return switch (code) {
      case NOT_FOUND -> new NotFoundException(this);
      case INVALID_ARGUMENT -> new InvalidArgumentException(this);
      case UNAUTHENTICATED -> new UnauthenticatedException(this);
      case PERMISSION_DENIED -> new PermissionDeniedException(this);
      case UNAVAILABLE -> new UnavailableException(this);
      default -> new ValetKeyException(this);
    };
  }
}
