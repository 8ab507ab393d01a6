package dev.valetkey.adapters;

import dev.valetkey.Token;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyException;
import io.grpc.CallCredentials;
import io.grpc.Deadline;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A token for each call of a gRPC stub: {@code stub.withCallCredentials(...)}.
 *
 * <p>Credentials do not see the answer: where the provider may refuse a token before its time, use
 * {@link TokenClientInterceptor}. A call without a token fails with the status of the {@link
 * ValetKeyException}, which is its cause.
 *
 * <p>Thread-safe.
 */
public final class TokenCallCredentials extends CallCredentials {
  private static final Metadata.Key<String> HEADER =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final TokenSource source;
  private final Consumer<Token> sent;

  /**
   * Credentials out of a source.
   *
   * @param source of the tokens
   */
  public TokenCallCredentials(TokenSource source) {
    this(source, token -> {});
  }

  /** Tells which token was sent. */
  TokenCallCredentials(TokenSource source, Consumer<Token> sent) {
    this.source = Objects.requireNonNull(source);
    this.sent = sent;
  }

  @Override
  public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
    token(call.getCallOptions().getDeadline())
        .whenComplete(
            (token, error) -> {
              if (error != null) {
                applier.fail(status(error));
                return;
              }
              sent.accept(token);
              Metadata headers = new Metadata();
              headers.put(HEADER, token.authorization());
              applier.apply(headers);
            });
  }

  /** The deadline may be null. */
  private CompletableFuture<Token> token(Deadline deadline) {
    if (deadline == null) {
      return source.tokenAsync();
    }
    // At least a moment: gRPC tells that the deadline has passed.
    long left = Math.max(1, deadline.timeRemaining(TimeUnit.NANOSECONDS));
    return source.tokenAsync(Duration.ofNanos(left));
  }

  private static Status status(Throwable error) {
    Status.Code code =
        error instanceof ValetKeyException known ? known.code() : Status.Code.UNKNOWN;
    return code.toStatus().withDescription("no token: " + error.getMessage()).withCause(error);
  }
}
