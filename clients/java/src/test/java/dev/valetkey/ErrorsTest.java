package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.valetkey.v1.AuthorizeRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorsTest {
  private static ValetKeyException error(
      Status.Code code, String domain, String reason, Map<String, String> metadata) {
    ErrorInfo info =
        ErrorInfo.newBuilder().setDomain(domain).setReason(reason).putAllMetadata(metadata).build();
    return error(code, Any.pack(info));
  }

  private static ValetKeyException error(Status.Code code, Any... details) {
    com.google.rpc.Status status =
        com.google.rpc.Status.newBuilder()
            .setCode(code.value())
            .setMessage("for people")
            .addAllDetails(List.of(details))
            .build();
    return GrpcErrors.failure(StatusProto.toStatusRuntimeException(status)).toException();
  }

  @ParameterizedTest
  @CsvSource({
    "FAILED_PRECONDITION, REAUTHORIZATION_REQUIRED, ReauthorizationRequiredException",
    "FAILED_PRECONDITION, CONNECTION_REVOKED, ConnectionRevokedException",
    "FAILED_PRECONDITION, SCOPE_NOT_GRANTED, ScopeNotGrantedException",
    "FAILED_PRECONDITION, CONSENT_DENIED, ConsentDeniedException",
    "FAILED_PRECONDITION, PROVIDER_CLIENT_REJECTED, ValetKeyException",
    "NOT_FOUND, CONNECTION_NOT_FOUND, NotFoundException",
    "NOT_FOUND, '', NotFoundException",
    "INVALID_ARGUMENT, FIELD_INVALID, InvalidArgumentException",
    "INVALID_ARGUMENT, CURSOR_INVALID, InvalidArgumentException",
    "UNAUTHENTICATED, API_KEY_INVALID, UnauthenticatedException",
    "PERMISSION_DENIED, RIGHT_MISSING, PermissionDeniedException",
    "OUT_OF_RANGE, CURSOR_EXPIRED, CursorExpiredException",
    "OUT_OF_RANGE, '', ValetKeyException",
    "UNAVAILABLE, PROVIDER_THROTTLED, UnavailableException",
    "UNAVAILABLE, '', UnavailableException",
    "UNAVAILABLE, OF_A_LATER_VERSION, UnavailableException",
    "ABORTED, ETAG_MISMATCH, ValetKeyException",
    "INTERNAL, INTERNAL_FAULT, ValetKeyException",
  })
  void areOfTheSubtypeOfTheReasonOrTheCode(Status.Code code, String reason, String subtype) {
    ValetKeyException error = error(code, "valetkey", reason, Map.of("key", "value"));
    assertEquals(subtype, error.getClass().getSimpleName());
    assertEquals(code, error.code());
    assertEquals(reason, error.reason());
    assertEquals(Map.of("key", "value"), error.metadata());
    assertEquals(
        code + (reason.isEmpty() ? "" : " " + reason) + ": for people", error.getMessage());
    assertEquals(Optional.empty(), error.retryDelay());
  }

  @Test
  void haveTheFieldsOfTheirSubtypes() {
    ReauthorizationRequiredException dead =
        (ReauthorizationRequiredException)
            error(
                Status.Code.FAILED_PRECONDITION,
                "valetkey",
                "REAUTHORIZATION_REQUIRED",
                Map.of("connection", "c", "provider", "p", "subject", "s"));
    assertEquals("c", dead.connection());
    assertEquals("p", dead.provider());
    assertEquals("s", dead.subject());
    assertEquals(
        AuthorizeRequest.newBuilder().setConnection("c").setProvider("p").setSubject("s").build(),
        dead.authorizeRequest());
    ScopeNotGrantedException scopes =
        (ScopeNotGrantedException)
            error(
                Status.Code.FAILED_PRECONDITION,
                "valetkey",
                "SCOPE_NOT_GRANTED",
                Map.of("missing_scopes", "a b"));
    assertEquals(List.of("a", "b"), scopes.missingScopes());
    InvalidArgumentException invalid =
        (InvalidArgumentException)
            error(
                Status.Code.INVALID_ARGUMENT, "valetkey", "FIELD_INVALID", Map.of("field", "name"));
    assertEquals("name", invalid.field());
  }

  @Test
  void haveTheServersRetryDelay() {
    RetryInfo retry =
        RetryInfo.newBuilder()
            .setRetryDelay(
                com.google.protobuf.Duration.newBuilder().setSeconds(1).setNanos(500_000_000))
            .build();
    assertEquals(
        Optional.of(Duration.ofMillis(1500)),
        error(Status.Code.UNAVAILABLE, Any.pack(retry)).retryDelay());
  }

  @Test
  void aReasonOfAnotherDomainIsNotOurs() {
    ValetKeyException error =
        error(Status.Code.FAILED_PRECONDITION, "example.com", "CONNECTION_REVOKED", Map.of());
    assertEquals(ValetKeyException.class, error.getClass());
    assertEquals("", error.reason());
  }

  @Test
  void detailsThatCannotBeReadLeaveTheCode() {
    Any broken =
        Any.newBuilder()
            .setTypeUrl("type.googleapis.com/google.rpc.ErrorInfo")
            .setValue(ByteString.copyFromUtf8("\u0001"))
            .build();
    assertEquals(
        "NotFoundException", error(Status.Code.NOT_FOUND, broken).getClass().getSimpleName());
    Metadata trailers = new Metadata();
    trailers.put(
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
        "\u0001".getBytes(StandardCharsets.UTF_8));
    assertEquals(Status.Code.NOT_FOUND, GrpcErrors.failure(Status.NOT_FOUND, trailers).code());
  }

  @Test
  void tellWhatLiesBelow() {
    IOException below = new IOException("connection refused");
    ValetKeyException error =
        GrpcErrors.failure(
                Status.UNAVAILABLE.withDescription("io exception").withCause(below), null)
            .toException();
    assertSame(below, error.getCause());
    assertEquals("UNAVAILABLE: io exception: connection refused", error.getMessage());
  }

  @Test
  void canBeSerialized() throws IOException, ClassNotFoundException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(error(Status.Code.NOT_FOUND, "valetkey", "KEY_NOT_FOUND", Map.of()));
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      ValetKeyException read = (ValetKeyException) in.readObject();
      assertEquals("NOT_FOUND KEY_NOT_FOUND: for people", read.getMessage());
      assertEquals("", read.reason());
      assertTrue(read instanceof NotFoundException);
    }
  }
}
