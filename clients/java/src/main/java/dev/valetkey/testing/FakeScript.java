package dev.valetkey.testing;

import com.google.protobuf.Message;
import dev.valetkey.v1.ErrorReason;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;

/** What a test has set up for calls to come, and what came of them. Thread-safe. */
final class FakeScript implements ServerInterceptor {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final String apiKey;
  // All guarded by this.
  private final Map<String, List<Message>> requests = new HashMap<>();
  private final Map<String, Queue<StatusRuntimeException>> failures = new HashMap<>();
  private final Map<String, FakeHold> holds = new HashMap<>();

  /** An empty key: none is asked for. */
  FakeScript(String apiKey) {
    this.apiKey = apiKey;
  }

  synchronized void fail(String method, StatusRuntimeException error, int times) {
    Queue<StatusRuntimeException> queue =
        failures.computeIfAbsent(method, name -> new ArrayDeque<>());
    for (int i = 0; i < times; i++) {
      queue.add(error);
    }
  }

  synchronized List<Message> requests(String method) {
    return List.copyOf(requests.getOrDefault(method, List.of()));
  }

  synchronized FakeHold hold(String method) {
    FakeHold hold = new FakeHold();
    holds.put(method, hold);
    return hold;
  }

  private synchronized FakeHold holdOf(String method) {
    return holds.get(method);
  }

  private synchronized void record(String method, Object request) {
    requests.computeIfAbsent(method, name -> new ArrayList<>()).add((Message) request);
  }

  private synchronized StatusRuntimeException nextFailure(String method) {
    Queue<StatusRuntimeException> queue = failures.get(method);
    return queue == null ? null : queue.poll();
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    String method = call.getMethodDescriptor().getBareMethodName();
    return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
      @Override
      public void onMessage(Q request) {
        record(method, request);
        super.onMessage(request);
      }

      @Override
      public void onHalfClose() {
        FakeHold hold = holdOf(method);
        if (hold == null || !hold.keep(this::proceed)) {
          proceed();
        }
      }

      private void proceed() {
        if (call.isCancelled()) {
          return;
        }
        StatusRuntimeException failure = refusal(headers);
        if (failure == null) {
          failure = nextFailure(method);
        }
        try {
          if (failure == null) {
            super.onHalfClose();
            return;
          }
        } catch (StatusRuntimeException e) {
          failure = e;
        }
        Metadata trailers = failure.getTrailers();
        call.close(failure.getStatus(), trailers == null ? new Metadata() : copy(trailers));
      }
    };
  }

  /** Metadata can be sent once only. */
  private static Metadata copy(Metadata trailers) {
    Metadata copy = new Metadata();
    copy.merge(trailers);
    return copy;
  }

  private StatusRuntimeException refusal(Metadata headers) {
    if (apiKey.isEmpty()) {
      return null;
    }
    String given = headers.get(AUTHORIZATION);
    if (given == null) {
      return FakeErrors.error(ErrorReason.API_KEY_MISSING, Map.of());
    }
    return given.equals("Bearer " + apiKey)
        ? null
        : FakeErrors.error(ErrorReason.API_KEY_INVALID, Map.of());
  }

  static StatusRuntimeException plain(Status.Code code) {
    return code.toStatus().withDescription("as the test says").asRuntimeException();
  }
}
