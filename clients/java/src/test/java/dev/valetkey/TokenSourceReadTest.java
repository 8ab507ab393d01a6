package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeHold;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.GetTokenRequest;
import io.grpc.Context;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Reading: from memory, and by the one fetch that all share. */
class TokenSourceReadTest extends FakeTest {
  private static final Duration HOUR = Duration.ofHours(1);

  @Test
  void opensNothingUntilItIsRead() {
    client.tokenSource("c-7");
    assertEquals(0, timing.timers());
    assertEquals(0, fake.calls("WatchEvents"));
  }

  @Test
  void fetchesOnceAndThenReadsMemory() {
    fake.setToken("c-7", "secret", HOUR, "pins:read");
    TokenSource source = client.tokenSource("c-7");
    Token token = get(source.tokenAsync());
    assertEquals("secret", token.accessToken());
    assertEquals("bearer", token.tokenType());
    assertEquals(List.of("pins:read"), token.scopes());
    assertEquals(1, token.generation());
    assertEquals(timing.clock().instant().plus(HOUR), token.expireTime().orElseThrow());
    for (int i = 0; i < 1000; i++) {
      assertSame(token, source.token());
    }
    assertTrue(source.tokenAsync().isDone());
    assertEquals(1, fake.calls("GetToken"));
  }

  @Test
  void aTokenThatLivesTwoSecondsLongerIsUsed() {
    fake.setToken("c-7", "old", HOUR);
    TokenSource source = client.tokenSource("c-7");
    get(source.tokenAsync());
    timing.advance(HOUR.minusSeconds(2));
    assertEquals("old", source.token().accessToken());
    timing.advance(millis(1));
    assertNull(source.keeper().peek());
  }

  @Test
  void anExpiredTokenIsFetchedAnew() {
    fake.setToken("c-7", "old", Duration.ofSeconds(10));
    TokenSource source = client.tokenSource("c-7");
    get(source.tokenAsync());
    fake.fail("GetToken", Status.Code.INTERNAL, 1);
    timing.advance(Duration.ofSeconds(11));
    awaitCalls("GetToken", 2);
    Eventually.await("the end of the background fetch", () -> !source.keeper().isFetching());
    assertEquals(2, get(source.tokenAsync()).generation());
    assertEquals(3, fake.calls("GetToken"));
  }

  @Test
  void aTokenJustFetchedIsGivenHoweverShortItLives() {
    fake.setToken("c-7", "short", millis(1500));
    TokenSource source = client.tokenSource("c-7");
    assertEquals("short", get(source.tokenAsync()).accessToken());
    assertEquals("short", get(source.tokenAsync()).accessToken());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void aTokenThatDoesNotExpireNeedsNoTimer() {
    fake.setToken("c-7", "secret", null);
    TokenSource source = client.tokenSource("c-7");
    get(source.tokenAsync());
    assertEquals(0, timing.timers());
    timing.advance(Duration.ofDays(1000));
    assertEquals("secret", source.token().accessToken());
  }

  @Test
  void aHundredFirstReadersShareOneFetch() throws InterruptedException {
    fake.setToken("c-7", "secret", HOUR);
    TokenSource source = client.tokenSource("c-7");
    Set<Token> served = ConcurrentHashMap.newKeySet();
    List<Thread> readers;
    try (FakeHold hold = fake.hold("GetToken")) {
      readers =
          IntStream.range(0, 100)
              .mapToObj(i -> new Thread(() -> served.add(source.token())))
              .toList();
      readers.forEach(Thread::start);
      Eventually.await(
          "all to wait", () -> source.keeper().waiting() == 100 && hold.waiting() == 1);
    }
    for (Thread reader : readers) {
      reader.join();
    }
    assertEquals(1, served.size());
    assertEquals(1, fake.calls("GetToken"));
    assertEquals(1, fake.calls("WatchEvents"));
  }

  @Test
  void oneThatGivesUpDoesNotCancelTheOthers() {
    fake.setToken("c-7", "secret", HOUR);
    TokenSource source = client.tokenSource("c-7");
    CompletableFuture<Token> patient = source.tokenAsync();
    CompletableFuture<Token> hasty = source.tokenAsync(millis(1500));
    CompletableFuture<Token> cancelled = source.tokenAsync();
    try (FakeHold hold = fake.hold("GetToken")) {
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      assertTrue(cancelled.cancel(true));
      timing.advance(millis(1500));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, failure(hasty).code());
      assertEquals(1, source.keeper().waiting());
    }
    assertEquals("secret", get(patient).accessToken());
    assertThrows(CancellationException.class, cancelled::join);
    assertEquals(1, fake.calls("GetToken"));
  }

  @Test
  void theFetchIsNotOfTheContextOfWhoeverBeganIt() {
    fake.setToken("c-7", "secret", HOUR);
    fake.setToken("c-8", "other", HOUR);
    // With the watch open, the fetch begins on the reader's own thread.
    get(client.tokenSource("c-8").tokenAsync());
    TokenSource source = client.tokenSource("c-7");
    try (FakeHold hold = fake.hold("GetToken")) {
      Context.CancellableContext context = Context.ROOT.withCancellation();
      context.run(source::tokenAsync);
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      context.cancel(null);
    }
    assertEquals("secret", get(source.tokenAsync()).accessToken());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void aBlockingReadEndsWithItsThread() throws InterruptedException {
    fake.setToken("c-7", "secret", HOUR);
    TokenSource source = client.tokenSource("c-7");
    try (FakeHold hold = fake.hold("GetToken")) {
      CompletableFuture<Status.Code> outcome = new CompletableFuture<>();
      Thread reader =
          new Thread(
              () -> {
                try {
                  source.token();
                } catch (ValetKeyException e) {
                  outcome.complete(e.code());
                }
              });
      reader.start();
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      reader.interrupt();
      assertEquals(Status.Code.CANCELLED, get(outcome));
      assertEquals(0, source.keeper().waiting());
      reader.join();
    }
  }

  @Test
  void asksForTheTokenAndTheScopesOfItsOptions() {
    fake.setToken("c-7", "main", null, "a");
    fake.setNamedToken(
        "c-7",
        "user",
        dev.valetkey.v1.Token.newBuilder().setAccessToken("user's").addScopes("a").build());
    SourceOptions options = SourceOptions.DEFAULT.withToken("user").withRequiredScopes("a");
    assertEquals("user's", get(client.tokenSource("c-7", options).tokenAsync()).accessToken());
    assertEquals(
        GetTokenRequest.newBuilder()
            .setName(CONNECTION)
            .setToken("user")
            .addRequiredScopes("a")
            .build(),
        lastGetToken());
    ScopeNotGrantedException error =
        assertInstanceOf(
            ScopeNotGrantedException.class,
            failure(
                client.tokenSource("c-7", options.withRequiredScopes("a", "b", "c")).tokenAsync()));
    assertEquals(List.of("b", "c"), error.missingScopes());
  }

  @Test
  void errorsAreRememberedForASecond() {
    TokenSource source = client.tokenSource("c-7");
    assertInstanceOf(NotFoundException.class, failure(source.tokenAsync()));
    fake.setToken("c-9", "of another", HOUR);
    for (int i = 0; i < 1000; i++) {
      assertThrows(NotFoundException.class, source::token);
    }
    timing.advance(millis(999));
    assertThrows(NotFoundException.class, source::token);
    assertEquals(1, fake.calls("GetToken"));
    timing.advance(millis(1));
    failure(source.tokenAsync());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void anUnavailableIsNotRemembered() {
    fake.setToken("c-7", "secret", HOUR);
    fake.fail("GetToken", ErrorReason.PROVIDER_UNAVAILABLE, 1, HOUR);
    TokenSource source = client.tokenSource("c-7");
    assertInstanceOf(UnavailableException.class, failure(source.tokenAsync()));
    assertEquals("secret", get(source.tokenAsync()).accessToken());
  }

  @Test
  void eachReaderHasAnExceptionOfItsOwn() {
    TokenSource source = client.tokenSource("c-7");
    failure(source.tokenAsync());
    assertTrue(failure(source.tokenAsync()) != failure(source.tokenAsync()));
    ValetKeyException thrown = assertThrows(ValetKeyException.class, source::token);
    assertTrue(
        List.of(thrown.getStackTrace()).stream()
            .anyMatch(frame -> frame.getClassName().equals(getClass().getName())));
  }

  @Test
  void anInvalidatedTokenIsFetchedAnewOnce() {
    fake.setToken("c-7", "refused", HOUR);
    TokenSource source = client.tokenSource("c-7");
    assertEquals(1, get(source.tokenAsync()).generation());
    source.invalidate(1);
    List<CompletableFuture<Token>> readers =
        IntStream.range(0, 50).mapToObj(i -> source.tokenAsync()).toList();
    readers.forEach(reader -> assertEquals(2, get(reader).generation()));
    assertEquals(2, fake.calls("GetToken"));
    assertEquals(1, lastGetToken().getRejectedGeneration());
    source.invalidate(1);
    assertEquals(2, source.token().generation());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void anAnswerFromBeforeTheInvalidationIsNotGivenOut() {
    fake.setToken("c-7", "refused", HOUR);
    TokenSource source = client.tokenSource("c-7");
    get(source.tokenAsync());
    try (FakeHold hold = fake.hold("GetToken")) {
      // The background fetch of the timer is under way when the provider refuses the token.
      timing.advance(Duration.ofMinutes(50));
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      source.invalidate(1);
    }
    assertEquals(2, get(source.tokenAsync()).generation());
    assertEquals(3, fake.calls("GetToken"));
    assertEquals(1, lastGetToken().getRejectedGeneration());
  }

  @Test
  void anOlderGenerationIsNotTaken() {
    fake.setToken("c-7", "one", HOUR);
    TokenSource source = client.tokenSource("c-7");
    get(source.tokenAsync());
    fake.setToken("c-7", "two", HOUR);
    Eventually.await("the newer one", () -> source.token().generation() == 2);
    dev.valetkey.v1.Token older = dev.valetkey.v1.Token.newBuilder().setGeneration(1).build();
    Held held = Held.of(source.token(), timing.millis());
    assertTrue(!Held.of(Token.of(older), timing.millis()).replaces(held));
  }

  @Test
  void anEmptyNameIsRefused() {
    assertThrows(ConfigException.class, () -> client.tokenSource(""));
  }
}
