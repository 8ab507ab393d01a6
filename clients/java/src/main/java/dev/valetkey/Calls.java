package dev.valetkey;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;

/** Makes calls, with their deadlines and retries. Thread-safe. */
final class Calls {
  private final Channel channel;
  private final Timing timing;
  private final Set<UnaryCall<?, ?, ?>> open = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  Calls(Channel channel, Timing timing) {
    this.channel = channel;
    this.timing = timing;
  }

  /** A call with its retries. To cancel the future cancels the call. */
  <Q, R, T> CompletableFuture<T> start(
      MethodDescriptor<Q, R> method, Q request, Duration timeout, Function<R, T> result) {
    return run(new UnaryCall<>(this, method, request, timing.after(timeout), true, result));
  }

  /** The same with one try only, in nobody's context: it is for others than who begins it, too. */
  <Q, R, T> CompletableFuture<T> tryOnce(
      MethodDescriptor<Q, R> method, Q request, Duration timeout, Function<R, T> result) {
    Context before = Context.ROOT.attach();
    try {
      return run(new UnaryCall<>(this, method, request, timing.after(timeout), false, result));
    } finally {
      Context.ROOT.detach(before);
    }
  }

  private <T> CompletableFuture<T> run(UnaryCall<?, ?, T> call) {
    open.add(call);
    call.future().whenComplete((result, error) -> open.remove(call));
    if (closed) {
      call.fail(closedFailure());
    } else {
      call.begin();
    }
    return call.future();
  }

  /** A stream of messages, each of which the listener has to ask for. */
  <Q, R> ClientCall<Q, R> stream(
      MethodDescriptor<Q, R> method, Q request, ClientCall.Listener<R> listener) {
    ClientCall<Q, R> call = channel.newCall(method, CallOptions.DEFAULT);
    call.start(listener, new Metadata());
    call.sendMessage(request);
    call.halfClose();
    call.request(1);
    return call;
  }

  Channel channel() {
    return channel;
  }

  Timing timing() {
    return timing;
  }

  boolean isClosed() {
    return closed;
  }

  static Failure closedFailure() {
    return Failure.cancelled("the client is closed");
  }

  /** Ends the calls under way, and refuses later ones. */
  void close() {
    closed = true;
    for (UnaryCall<?, ?, ?> call : open) {
      call.fail(closedFailure());
    }
  }

  /** Waits for what has a deadline of its own. An interrupt cancels it. */
  static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      future.cancel(true);
      Thread.currentThread().interrupt();
      throw Failure.cancelled("the thread was interrupted").toException();
    } catch (ExecutionException e) {
      throw Failure.in(e.getCause()).toException();
    }
  }

  /** Whether a call may be sent again although an earlier one may have been carried out. */
  static boolean isRepeatable(MethodDescriptor<?, ?> method, Object request) {
    if (request instanceof dev.valetkey.v1.RefreshRequest refresh) {
      return refresh.getGeneration() != 0;
    }
    String name = method.getBareMethodName();
    return name != null
        && !name.startsWith("Create")
        && !name.startsWith("Update")
        && !name.startsWith("Delete");
  }

  static <T> CompletableFuture<T> failed(Failure failure) {
    return CompletableFuture.failedFuture(failure.toException());
  }

  /** For a status that means that the deadline has passed. */
  static boolean isDeadline(Failure failure) {
    return failure.is(Status.Code.DEADLINE_EXCEEDED);
  }
}
