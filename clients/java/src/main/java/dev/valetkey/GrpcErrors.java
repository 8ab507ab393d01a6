package dev.valetkey;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.ProtoUtils;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Reads google.rpc's details out of gRPC's errors. */
final class GrpcErrors {
  private static final String DOMAIN = "valetkey";
  private static final Metadata.Key<com.google.rpc.Status> DETAILS =
      Metadata.Key.of(
          "grpc-status-details-bin",
          ProtoUtils.metadataMarshaller(com.google.rpc.Status.getDefaultInstance()));

  private GrpcErrors() {}

  static Failure failure(Throwable error) {
    return failure(Status.fromThrowable(error), Status.trailersFromThrowable(error));
  }

  /** Trailers may be null. What cannot be read of them is passed over. */
  static Failure failure(Status status, Metadata trailers) {
    String reason = "";
    Map<String, String> metadata = Map.of();
    Duration retryDelay = null;
    for (Any detail : details(trailers)) {
      try {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          if (info.getDomain().equals(DOMAIN)) {
            reason = info.getReason();
            metadata = info.getMetadataMap();
          }
        } else if (detail.is(RetryInfo.class)) {
          com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryDelay = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      } catch (InvalidProtocolBufferException unreadable) {
        // The code still tells.
      }
    }
    return new Failure(
        status.getCode(), reason, metadata, retryDelay, message(status), status.getCause());
  }

  private static List<Any> details(Metadata trailers) {
    if (trailers == null) {
      return List.of();
    }
    try {
      com.google.rpc.Status details = trailers.get(DETAILS);
      return details == null ? List.of() : details.getDetailsList();
    } catch (IllegalArgumentException unreadable) {
      return List.of();
    }
  }

  /** With gRPC's "io exception" goes what it was: "connection refused" helps people. */
  private static String message(Status status) {
    String text = status.getDescription();
    Throwable cause = status.getCause();
    if (text == null) {
      text = status.getCode().name();
    }
    return cause == null || cause.getMessage() == null ? text : text + ": " + cause.getMessage();
  }
}
