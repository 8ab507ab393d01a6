package dev.valetkey.adapters;

import dev.valetkey.Token;
import dev.valetkey.TokenSource;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A token for each call of a gRPC channel, which is invalidated where the provider answers
 * UNAUTHENTICATED: the next call has a new one. The call itself is not repeated, for its messages
 * may be a stream; gRPC's callers repeat calls themselves.
 *
 * <p>Thread-safe.
 */
public final class TokenClientInterceptor implements ClientInterceptor {
  private final TokenSource source;

  /**
   * An interceptor out of a source.
   *
   * @param source of the tokens
   */
  public TokenClientInterceptor(TokenSource source) {
    this.source = Objects.requireNonNull(source);
  }

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(
      MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
    AtomicReference<Token> sent = new AtomicReference<>();
    CallOptions with = options.withCallCredentials(new TokenCallCredentials(source, sent::set));
    return new SimpleForwardingClientCall<>(next.newCall(method, with)) {
      @Override
      public void start(Listener<R> listener, Metadata headers) {
        super.start(
            new SimpleForwardingClientCallListener<>(listener) {
              @Override
              public void onClose(Status status, Metadata trailers) {
                Token token = sent.get();
                if (status.getCode() == Status.Code.UNAUTHENTICATED && token != null) {
                  source.invalidate(token.generation());
                }
                super.onClose(status, trailers);
              }
            },
            headers);
      }
    };
  }
}
