package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeHold;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.EventType;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.WatchEventsRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What keeps a token fresh: events and the timer; and what does not while ValetKey is away. */
class TokenSourceRefreshTest extends FakeTest {
  private static final Duration HOUR = Duration.ofHours(1);

  /** At four fifths of an hour, and a twentieth of the fifth that is left. */
  private static final Duration REFRESH = Duration.ofMinutes(48).plusSeconds(36);

  private TokenSource source;

  @BeforeEach
  void read() {
    fake.setToken("c-7", "one", HOUR);
    source = client.tokenSource("c-7");
    assertEquals("one", get(source.tokenAsync()).accessToken());
  }

  private void awaitGeneration(long generation) {
    Eventually.await("generation " + generation, () -> source.token().generation() == generation);
  }

  private void awaitIdle() {
    Eventually.await("the end of the fetch", () -> !source.keeper().isFetching());
  }

  @Test
  void theTimerFetchesInTheBackground() {
    try (FakeHold hold = fake.hold("GetToken")) {
      advanceTo(REFRESH);
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      assertEquals("one", source.token().accessToken());
    }
    awaitIdle();
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void theSameGenerationIsAskedForAgainAfterATenthOfTheTimeLeft() {
    advanceTo(REFRESH);
    awaitCalls("GetToken", 2);
    // 684 s are left.
    advanceTo(millis(68_400));
    awaitCalls("GetToken", 3);
    assertEquals(1, source.token().generation());
  }

  @Test
  void anEventOfANewerGenerationFetchesIt() {
    try (FakeHold hold = fake.hold("GetToken")) {
      fake.setToken("c-7", "two", HOUR);
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      assertEquals("one", source.token().accessToken());
    }
    awaitGeneration(2);
    assertEquals("two", source.token().accessToken());
    assertEquals(2, lastGetToken().getMinGeneration());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void anEventDuringAFetchIsNotForgotten() {
    try (FakeHold hold = fake.hold("GetToken")) {
      fake.setToken("c-7", "two", HOUR);
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      emit(EventType.EVENT_TYPE_REFRESHED, 5);
      // Another event that can be seen tells that this one has come.
      fake.setToken("c-8", "other", HOUR);
      CompletableFuture<Token> other = client.tokenSource("c-8").tokenAsync();
      Eventually.await("the event", () -> source.keeper().wanted() == 5);
      other.cancel(true);
    }
    Eventually.await(
        "the second fetch",
        () ->
            fake.requests("GetToken").stream()
                .anyMatch(request -> ((GetTokenRequest) request).getMinGeneration() == 5));
    awaitGeneration(3);
  }

  @Test
  void anEventOfAnOldGenerationIsPassedOver() {
    fake.setToken("c-8", "other", HOUR);
    TokenSource other = client.tokenSource("c-8");
    get(other.tokenAsync());
    emit(EventType.EVENT_TYPE_REFRESHED, 1);
    fake.setToken("c-8", "other", HOUR);
    // Once the later event has come, the earlier one has.
    Eventually.await("the later event", () -> other.token().generation() == 2);
    assertFalse(source.keeper().isFetching());
    assertEquals(3, fake.calls("GetToken"));
  }

  @Test
  void aRevokedConnectionsTokenIsDroppedAtOnce() {
    fake.revoke("c-7");
    Eventually.await("the event", () -> source.keeper().peek() == null);
    assertInstanceOf(ConnectionRevokedException.class, failure(source.tokenAsync()));
    assertEquals(1, fake.calls("GetToken"));
    timing.advance(millis(1000));
    assertInstanceOf(ConnectionRevokedException.class, failure(source.tokenAsync()));
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void aDeletedConnectionIsNotFound() {
    client.connections().delete("c-7", "");
    Eventually.await("the event", () -> source.keeper().peek() == null);
    NotFoundException error =
        assertInstanceOf(NotFoundException.class, failure(source.tokenAsync()));
    assertEquals(CONNECTION, error.metadata().get("connection"));
    assertEquals(1, fake.calls("GetToken"));
  }

  @Test
  void anAnswerFromBeforeTheEndIsNotGivenOut() {
    try (FakeHold hold = fake.hold("GetToken")) {
      advanceTo(REFRESH);
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      emit(EventType.EVENT_TYPE_REVOKED, 1);
      Eventually.await("the event", () -> source.keeper().peek() == null);
    }
    awaitIdle();
    assertThrows(ConnectionRevokedException.class, () -> source.token());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void readersThatWaitAreToldOfTheEnd() {
    source.invalidate(1);
    try (FakeHold hold = fake.hold("GetToken")) {
      CompletableFuture<Token> reader = source.tokenAsync();
      Eventually.await("the fetch", () -> hold.waiting() == 1);
      emit(EventType.EVENT_TYPE_REVOKED, 1);
      assertInstanceOf(ConnectionRevokedException.class, failure(reader));
    }
  }

  @Test
  void consentGivenAgainBringsANewToken() {
    fake.revoke("c-7");
    Eventually.await("the event", () -> source.keeper().peek() == null);
    fake.setToken("c-7", "two", HOUR);
    awaitCalls("GetToken", 2);
    awaitIdle();
    assertEquals("two", source.token().accessToken());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void aDeadGrantsTokenIsGoodToItsEnd() {
    fake.requireReauthorization("c-7");
    fake.setToken("c-8", "other", null);
    get(client.tokenSource("c-8").tokenAsync());
    assertEquals("one", source.token().accessToken());
    timing.advance(HOUR);
    ReauthorizationRequiredException error =
        assertInstanceOf(ReauthorizationRequiredException.class, failure(source.tokenAsync()));
    assertEquals(CONNECTION, error.connection());
    assertEquals("ann", error.subject());
    assertEquals(CONNECTION, error.authorizeRequest().getConnection());
    assertEquals("applications/shop/providers/pinterest", error.provider());
  }

  @Test
  void anEventEndsTheMemoryOfAnError() {
    fake.requireReauthorization("c-7");
    source.invalidate(1);
    assertInstanceOf(ReauthorizationRequiredException.class, failure(source.tokenAsync()));
    fake.setToken("c-7", "two", HOUR);
    Eventually.await("the newer one", () -> source.keeper().peek() != null);
    assertEquals("two", source.token().accessToken());
  }

  @Test
  void whileValetKeyIsAwayTheTokenIsServedToItsEnd() {
    fake.stop();
    timing.advance(HOUR.minusSeconds(3));
    assertEquals("one", source.token().accessToken());
    timing.advance(millis(2999));
    assertEquals("one", get(source.tokenAsync()).accessToken());
    timing.advance(millis(1));
    CompletableFuture<Token> reader = source.tokenAsync(millis(80));
    UnavailableException error = assertInstanceOf(UnavailableException.class, failure(reader));
    assertEquals("", error.reason());
    assertTrue(error.retryDelay().isPresent());
  }

  @Test
  void aRejectedTokenIsNotServedEvenThen() {
    fake.stop();
    source.invalidate(1);
    assertInstanceOf(UnavailableException.class, failure(source.tokenAsync(millis(80))));
  }

  @Test
  void backgroundFetchesAreRepeatedUntilValetKeyIsBack() {
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 2);
    fake.fail("GetToken", ErrorReason.PROVIDER_THROTTLED, 1, Duration.ofSeconds(7));
    advanceTo(REFRESH);
    advanceTo(millis(100));
    advanceTo(millis(200));
    advanceTo(millis(7000));
    awaitCalls("GetToken", 5);
    awaitIdle();
    assertEquals("one", source.token().accessToken());
  }

  @Test
  void aReaderTriesWithinItsDeadline() {
    source.invalidate(1);
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 2);
    CompletableFuture<Token> reader = source.tokenAsync(millis(1000));
    advanceTo(millis(100));
    advanceTo(millis(200));
    assertEquals(2, get(reader).generation());
    assertEquals(4, fake.calls("GetToken"));
  }

  @Test
  void aReaderFailsAtOnceIfTheWaitIsTooLong() {
    source.invalidate(1);
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 2);
    CompletableFuture<Token> hasty = source.tokenAsync(millis(250));
    CompletableFuture<Token> patient = source.tokenAsync(millis(1000));
    advanceTo(millis(100));
    assertEquals(Optional.of(millis(200)), failure(hasty).retryDelay());
    assertFalse(patient.isDone());
    advanceTo(millis(200));
    assertEquals(2, get(patient).generation());
  }

  @Test
  void aNewReaderDoesNotWaitForTheNextTry() {
    source.invalidate(1);
    fake.fail("GetToken", ErrorReason.STORE_UNAVAILABLE, 1, Duration.ofSeconds(20));
    CompletableFuture<Token> first = source.tokenAsync();
    Eventually.await("a wait", () -> timing.hasTimer(Duration.ofSeconds(20)));
    assertEquals(2, get(source.tokenAsync(millis(10))).generation());
    assertEquals(2, get(first).generation());
    assertFalse(timing.hasTimer(Duration.ofSeconds(20)));
  }

  @Test
  void aNewReadersWaitsBeginAnew() {
    source.invalidate(1);
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 4);
    CompletableFuture<Token> first = source.tokenAsync();
    advanceTo(millis(100));
    advanceTo(millis(200));
    Eventually.await("a wait", () -> timing.hasTimer(millis(400)));
    CompletableFuture<Token> second = source.tokenAsync();
    advanceTo(millis(100));
    assertEquals(2, get(first).generation());
    assertEquals(2, get(second).generation());
  }

  @Test
  void theDeadlineDuringATryTellsTheEarlierUnavailable() {
    source.invalidate(1);
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 1);
    CompletableFuture<Token> reader = source.tokenAsync(millis(1000));
    Eventually.await("a wait", () -> timing.hasTimer(millis(100)));
    try (FakeHold hold = fake.hold("GetToken")) {
      timing.advance(millis(100));
      Eventually.await("the second try", () -> hold.waiting() == 1);
      timing.advance(millis(900));
      assertInstanceOf(UnavailableException.class, failure(reader));
    }
  }

  @Test
  void sourcesOfAnApplicationShareOneStream() {
    IntStream.range(0, 10)
        .forEach(
            i -> {
              fake.setToken("s-" + i, "secret", HOUR);
              get(client.tokenSource("s-" + i).tokenAsync());
            });
    assertEquals(1, fake.calls("WatchEvents"));
    WatchEventsRequest request = (WatchEventsRequest) fake.requests("WatchEvents").get(0);
    assertEquals("applications/shop", request.getParent());
    assertEquals(5, request.getTypesCount());
    fake.setToken("applications/other/connections/c-1", "secret", HOUR);
    get(client.tokenSource("other/c-1").tokenAsync());
    assertEquals(2, fake.calls("WatchEvents"));
  }

  private void emit(EventType type, long generation) {
    fake.emit(
        Event.newBuilder().setType(type).setConnection("c-7").setGeneration(generation).build());
  }
}
