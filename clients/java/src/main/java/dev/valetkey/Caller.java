package dev.valetkey;

import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** Makes calls within one timeout. Thread-safe. */
final class Caller {
  private final Core core;
  private final Duration timeout;

  Caller(Core core, Duration timeout) {
    this.core = core;
    this.timeout = timeout;
  }

  Names names() {
    return core.names();
  }

  Duration timeout() {
    return timeout;
  }

  <Q, R> CompletableFuture<R> start(MethodDescriptor<Q, R> method, Q request) {
    return start(method, request, Function.identity());
  }

  <Q, R, T> CompletableFuture<T> start(
      MethodDescriptor<Q, R> method, Q request, Function<R, T> result) {
    return core.calls().start(method, request, timeout, result);
  }
}
