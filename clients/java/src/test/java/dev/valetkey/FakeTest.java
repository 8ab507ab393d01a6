package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.GetTokenRequest;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A client and a fake in a time that stands still. */
abstract class FakeTest {
  static final String CONNECTION = "applications/shop/connections/c-7";

  ManualTiming timing;
  FakeValetKey fake;
  ValetKeyClient client;

  @BeforeEach
  void start() {
    timing = new ManualTiming();
    fake = FakeValetKey.builder().clock(timing.clock()).start();
    client = fake.clientBuilder().environment(name -> null).timing(timing).build();
  }

  @AfterEach
  void stop() {
    client.close();
    fake.close();
  }

  static <T> T get(CompletableFuture<T> future) {
    try {
      return future.get(10, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw Failure.in(e.getCause()).toException();
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  static ValetKeyException failure(CompletableFuture<?> future) {
    return assertThrows(ValetKeyException.class, () -> get(future));
  }

  /** Waits until the task that runs in so long has been set, and runs it. */
  void advanceTo(Duration delay) {
    Eventually.await("a timer in " + delay, () -> timing.hasTimer(delay));
    timing.advance(delay);
  }

  void awaitCalls(String method, int count) {
    Eventually.await(count + " " + method, () -> fake.calls(method) >= count);
    assertEquals(count, fake.calls(method));
  }

  /** The last one that the fake was sent. */
  GetTokenRequest lastGetToken() {
    return (GetTokenRequest) fake.requests("GetToken").get(fake.calls("GetToken") - 1);
  }

  static Duration millis(long count) {
    return Duration.ofMillis(count);
  }
}
