package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeHold;
import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.WatchEventsResponse;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What closing ends, and that nothing is left: with the machine's own timers. */
class CloseTest {
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

  private static Set<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .collect(Collectors.toSet());
  }

  /** Zero where the system does not tell. */
  private static long descriptors() {
    if (!Files.isDirectory(DESCRIPTORS)) {
      return 0;
    }
    try (Stream<Path> all = Files.list(DESCRIPTORS)) {
      return all.filter(CloseTest::isSocketOrPoll).count();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean isSocketOrPoll(Path descriptor) {
    try {
      String target = Files.readSymbolicLink(descriptor).toString();
      return target.startsWith("socket:") || target.contains("eventpoll");
    } catch (IOException closed) {
      return false;
    }
  }

  private static Status.Code code(CompletableFuture<?> future) {
    return FakeTest.failure(future).code();
  }

  @Test
  void nothingIsLeft() {
    // What Java and Netty set up once for all is there before.
    use();
    Eventually.await("the first to be gone", () -> isGone(threads()));
    Set<String> threads = threads();
    long descriptors = descriptors();
    for (int i = 0; i < 5; i++) {
      use();
    }
    Eventually.await("sockets to be gone", () -> descriptors() <= descriptors);
    Eventually.await(
        "threads to be gone: " + threads,
        () -> isGone(threads()) && threads.containsAll(threads()));
  }

  /** Netty's own thread that tells of an end lives for a second. */
  private static boolean isGone(Set<String> threads) {
    return threads.stream()
        .noneMatch(
            name ->
                name.startsWith("valetkey")
                    || name.startsWith("grpc")
                    || name.startsWith("globalEventExecutor"));
  }

  private static void use() {
    try (FakeValetKey fake = FakeValetKey.start();
        ValetKeyClient client = fake.client()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      TokenSource source = client.tokenSource("c-7");
      source.token();
      source.tokenAsync().join();
      client.watch().next();
      client.withTimeout(Duration.ofSeconds(5)).getToken("c-7");
    }
  }

  @Test
  void aClosedSourceFailsItsReaders() {
    try (FakeValetKey fake = FakeValetKey.start();
        ValetKeyClient client = fake.client();
        FakeHold hold = fake.hold("GetToken")) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      TokenSource source = client.tokenSource("c-7");
      CompletableFuture<Token> waiting = source.tokenAsync();
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      source.close();
      source.close();
      assertEquals(Status.Code.CANCELLED, code(waiting));
      assertEquals(Status.Code.CANCELLED, code(source.tokenAsync()));
      assertEquals(
          Status.Code.CANCELLED, assertThrows(ValetKeyException.class, source::token).code());
      Eventually.await("the stream's end", () -> fake.watchers() == 0);
    }
  }

  @Test
  void aClosedSourceGivesNothingFromMemory() {
    try (FakeValetKey fake = FakeValetKey.start();
        ValetKeyClient client = fake.client()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      TokenSource source = client.tokenSource("c-7");
      source.token();
      source.close();
      assertThrows(ValetKeyException.class, source::token);
    }
  }

  @Test
  void closingTheClientEndsAllOfIt() {
    try (FakeValetKey fake = FakeValetKey.start();
        FakeHold hold = fake.hold("GetToken")) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      ValetKeyClient client = fake.client();
      CompletableFuture<Token> read = client.tokenSource("c-7").tokenAsync();
      CompletableFuture<Token> call = client.getTokenAsync("c-7");
      Eventually.await("the calls", () -> hold.waiting() == 2);
      Watch watch = client.watch();
      watch.next();
      CompletableFuture<WatchEventsResponse> message = watch.nextAsync();
      client.close();
      client.close();
      for (CompletableFuture<?> ended : new CompletableFuture<?>[] {read, call, message}) {
        assertEquals(Status.Code.CANCELLED, code(ended));
      }
      assertEquals(Status.Code.CANCELLED, code(client.getTokenAsync("c-7")));
      assertEquals(Status.Code.CANCELLED, code(client.tokenSource("c-7").tokenAsync()));
      assertEquals(Status.Code.CANCELLED, code(client.watch().nextAsync()));
    }
  }

  @Test
  void closingEndsCallsThatWaitForTheirNextTry() {
    try (FakeValetKey fake = FakeValetKey.start()) {
      ManualTiming timing = new ManualTiming();
      ValetKeyClient client = fake.clientBuilder().timing(timing).build();
      fake.fail("GetToken", Status.Code.UNAVAILABLE, 1);
      CompletableFuture<Token> call = client.getTokenAsync("c-7");
      Eventually.await("a wait", () -> timing.hasTimer(Duration.ofMillis(100)));
      client.close();
      assertEquals(Status.Code.CANCELLED, code(call));
      assertEquals(0, timing.timers());
    }
  }

  @Test
  void closingASourceEndsItsTimers() {
    try (FakeValetKey fake = FakeValetKey.start()) {
      ManualTiming timing = new ManualTiming();
      try (ValetKeyClient client = fake.clientBuilder().timing(timing).build()) {
        fake.setToken("c-7", "secret", Duration.ofDays(10_000));
        TokenSource source = client.tokenSource("c-7");
        FakeTest.get(source.tokenAsync());
        source.invalidate(1);
        fake.fail("GetToken", Status.Code.UNAVAILABLE, 1);
        source.tokenAsync();
        Eventually.await("a wait", () -> timing.hasTimer(Duration.ofMillis(100)));
        source.close();
        assertEquals(0, timing.timers());
      }
    }
  }

  @Test
  void closingAtAnyMomentIsQuiet() {
    List<Throwable> uncaught = new CopyOnWriteArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, error) -> uncaught.add(error));
    try (FakeValetKey fake = FakeValetKey.start()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      for (int i = 0; i < 60; i++) {
        ValetKeyClient client = fake.client();
        CompletableFuture<Token> read = client.tokenSource("c-7").tokenAsync();
        CompletableFuture<Token> call = client.getTokenAsync("c-7");
        for (int spin = 0; spin < i * 20_000 && !read.isDone(); spin++) {
          Thread.onSpinWait();
        }
        client.close();
        for (CompletableFuture<Token> each : List.of(read, call)) {
          assertTrue(each.isDone());
          if (each.isCompletedExceptionally()) {
            assertEquals(Status.Code.CANCELLED, code(each));
          }
        }
      }
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
    assertEquals(List.of(), uncaught);
  }

  @Test
  void aContinuationMayCloseTheClient() {
    try (FakeValetKey fake = FakeValetKey.start()) {
      fake.setToken("c-7", "secret", null);
      ValetKeyClient client = fake.client();
      long start = System.nanoTime();
      client.getTokenAsync("c-7").thenRun(client::close).join();
      assertEquals(0, Duration.ofNanos(System.nanoTime() - start).toSeconds());
    }
  }

  @Test
  void aContinuationMayBlock() {
    try (FakeValetKey fake = FakeValetKey.start();
        ValetKeyClient client = fake.client()) {
      fake.setToken("c-7", "secret", null);
      Token token = client.getTokenAsync("c-7").thenApply(first -> client.getToken("c-7")).join();
      assertEquals("secret", token.accessToken());
      GetTokenRequest last = (GetTokenRequest) fake.requests("GetToken").get(1);
      assertEquals("applications/shop/connections/c-7", last.getName());
    }
  }
}
