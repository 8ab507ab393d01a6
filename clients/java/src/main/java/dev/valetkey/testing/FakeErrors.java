package dev.valetkey.testing;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.valetkey.v1.ErrorReason;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;

/** Errors as ValetKey makes them. */
final class FakeErrors {
  private FakeErrors() {}

  static StatusRuntimeException error(ErrorReason reason, Map<String, String> metadata) {
    return error(reason, metadata, null);
  }

  /** The delay may be null. */
  static StatusRuntimeException error(
      ErrorReason reason, Map<String, String> metadata, Duration retryDelay) {
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder()
            .setCode(code(reason).value())
            .setMessage(reason.name().toLowerCase(Locale.ROOT).replace('_', ' '))
            .addDetails(
                Any.pack(
                    ErrorInfo.newBuilder()
                        .setReason(reason.name())
                        .setDomain("valetkey")
                        .putAllMetadata(metadata)
                        .build()));
    if (retryDelay != null) {
      status.addDetails(
          Any.pack(
              RetryInfo.newBuilder()
                  .setRetryDelay(
                      com.google.protobuf.Duration.newBuilder()
                          .setSeconds(retryDelay.getSeconds())
                          .setNanos(retryDelay.getNano()))
                  .build()));
    }
    return StatusProto.toStatusRuntimeException(status.build());
  }

  static StatusRuntimeException invalid(String field, String expected) {
    return error(ErrorReason.FIELD_INVALID, Map.of("field", field, "expected", expected));
  }

  /** As errors.proto says for each. */
  static Status.Code code(ErrorReason reason) {
    return switch (reason) {
      case FIELD_INVALID, AUTHORIZATION_STATE_INVALID, ISSUER_MISMATCH, CURSOR_INVALID ->
          Status.Code.INVALID_ARGUMENT;
      case API_KEY_MISSING, API_KEY_INVALID, CALLER_INVALID -> Status.Code.UNAUTHENTICATED;
      case RIGHT_MISSING, CALLER_DENIED -> Status.Code.PERMISSION_DENIED;
      case APPLICATION_NOT_FOUND,
          PROVIDER_NOT_FOUND,
          CONNECTION_NOT_FOUND,
          KEY_NOT_FOUND,
          CATALOG_ENTRY_NOT_FOUND,
          TOKEN_NOT_FOUND ->
          Status.Code.NOT_FOUND;
      case RESOURCE_EXISTS -> Status.Code.ALREADY_EXISTS;
      case ETAG_MISMATCH, WATCH_LAGGED -> Status.Code.ABORTED;
      case CURSOR_EXPIRED -> Status.Code.OUT_OF_RANGE;
      case PROVIDER_UNAVAILABLE,
          PROVIDER_THROTTLED,
          PROVIDER_RESPONSE_INVALID,
          STORE_UNAVAILABLE,
          CALLER_KEYS_UNAVAILABLE,
          SERVER_SHUTTING_DOWN ->
          Status.Code.UNAVAILABLE;
      case INTERNAL_FAULT, ERROR_REASON_UNSPECIFIED, UNRECOGNIZED -> Status.Code.INTERNAL;
      default -> Status.Code.FAILED_PRECONDITION;
    };
  }
}
