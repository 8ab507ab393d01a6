package dev.valetkey;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** One call: its tries, and the waits between them, until its deadline. */
final class UnaryCall<Q, R, T> {
  private final Calls calls;
  private final MethodDescriptor<Q, R> method;
  private final Q request;
  private final long deadline;
  private final boolean retries;
  private final Function<R, T> result;
  private final Backoff backoff;
  private final Context context = Context.current();
  private final Future future = new Future();

  // A try begins only after the one before has ended: one thread at a time writes these.
  private Failure unavailable;
  private volatile ClientCall<Q, R> current;
  private volatile Timing.Timer wait;

  UnaryCall(
      Calls calls,
      MethodDescriptor<Q, R> method,
      Q request,
      long deadline,
      boolean retries,
      Function<R, T> result) {
    this.calls = calls;
    this.method = method;
    this.request = request;
    this.deadline = deadline;
    this.retries = retries && Calls.isRepeatable(method, request);
    this.result = result;
    this.backoff = Backoff.ofCalls(calls.timing());
  }

  CompletableFuture<T> future() {
    return future;
  }

  /** Begins a try, in the caller's context whichever thread this is. */
  void begin() {
    context.run(this::attempt);
  }

  private void attempt() {
    Duration left = calls.timing().until(deadline);
    ClientCall<Q, R> call =
        calls
            .channel()
            .newCall(
                method,
                CallOptions.DEFAULT.withDeadlineAfter(left.toNanos(), TimeUnit.NANOSECONDS));
    ClientCalls.asyncUnaryCall(call, request, new Answer());
    // Not before: a call that was cancelled cannot be started.
    current = call;
    if (future.isDone()) {
      stop();
    }
  }

  void fail(Failure failure) {
    if (future.completeExceptionally(failure.toException())) {
      stop();
    }
  }

  /** Ends what is under way. */
  private void stop() {
    Timing.Timer timer = wait;
    if (timer != null) {
      timer.cancel();
    }
    ClientCall<Q, R> call = current;
    if (call != null) {
      call.cancel("the caller gave up", null);
    }
  }

  private void ended(Failure failure) {
    current = null;
    if (calls.isClosed()) {
      fail(Calls.closedFailure());
    } else if (Calls.isDeadline(failure) && unavailable != null) {
      fail(unavailable);
    } else if (!failure.is(Status.Code.UNAVAILABLE) || !retries) {
      fail(failure);
    } else {
      waitAfter(failure);
    }
  }

  private void waitAfter(Failure failure) {
    Duration delay = failure.waitOr(backoff);
    unavailable = failure.withRetryDelay(delay);
    if (calls.timing().until(deadline).compareTo(delay) <= 0) {
      fail(unavailable);
      return;
    }
    wait = calls.timing().schedule(delay, this::afterWait);
    if (future.isDone()) {
      stop();
    }
  }

  private void afterWait() {
    if (!future.isDone()) {
      begin();
    }
  }

  /** What the caller holds. */
  private final class Future extends CompletableFuture<T> {
    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      boolean cancelled = super.cancel(mayInterruptIfRunning);
      if (cancelled) {
        stop();
      }
      return cancelled;
    }
  }

  private final class Answer implements StreamObserver<R> {
    private R value;

    @Override
    public void onNext(R message) {
      value = message;
    }

    @Override
    public void onError(Throwable error) {
      ended(GrpcErrors.failure(error));
    }

    @Override
    public void onCompleted() {
      current = null;
      future.complete(result.apply(value));
    }
  }
}
