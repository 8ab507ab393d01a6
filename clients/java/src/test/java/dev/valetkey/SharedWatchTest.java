package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeHold;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.EventType;
import dev.valetkey.v1.WatchEventsRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The stream behind token sources: how it begins, and how it is resumed. */
class SharedWatchTest extends FakeTest {
  private static final Duration HOUR = Duration.ofHours(1);

  private TokenSource read() {
    fake.setToken("c-7", "one", HOUR);
    TokenSource source = client.tokenSource("c-7");
    get(source.tokenAsync());
    return source;
  }

  private String cursor(int call) {
    return ((WatchEventsRequest) fake.requests("WatchEvents").get(call)).getCursor();
  }

  private void awaitGeneration(TokenSource source, long generation) {
    Eventually.await("generation " + generation, () -> source.token().generation() == generation);
  }

  private void awaitWatcher() {
    Eventually.await("the stream", () -> fake.watchers() == 1);
  }

  @Test
  void theFirstSourceWaitsForTheFirstMessage() {
    fake.setToken("c-7", "one", HOUR);
    CompletableFuture<Token> reader;
    try (FakeHold hold = fake.hold("WatchEvents")) {
      reader = client.tokenSource("c-7").tokenAsync();
      Eventually.await("the stream", () -> hold.waiting() == 1);
      timing.advance(millis(999));
      assertEquals(0, fake.calls("GetToken"));
    }
    assertEquals("one", get(reader).accessToken());
    assertEquals(1, fake.calls("GetToken"));
  }

  @Test
  void butNotLongerThanASecond() {
    fake.setToken("c-7", "one", HOUR);
    TokenSource source = client.tokenSource("c-7");
    try (FakeHold hold = fake.hold("WatchEvents")) {
      CompletableFuture<Token> reader = source.tokenAsync();
      Eventually.await("the stream", () -> hold.waiting() == 1);
      timing.advance(millis(1000));
      assertEquals("one", get(reader).accessToken());
    }
    // What happened before the stream began is in no event: the source asks once more.
    awaitCalls("GetToken", 2);
  }

  @Test
  void aFetchThatIsUnderWayWhenItBeginsIsRepeated() {
    fake.setToken("c-7", "one", HOUR);
    TokenSource source = client.tokenSource("c-7");
    try (FakeHold hold = fake.hold("GetToken")) {
      try (FakeHold stream = fake.hold("WatchEvents")) {
        source.tokenAsync().thenAccept(token -> {});
        Eventually.await("the stream", () -> stream.waiting() == 1);
        timing.advance(millis(1000));
        Eventually.await("the fetch", () -> hold.waiting() == 1);
      }
      awaitWatcher();
      fake.emit(
          Event.newBuilder()
              .setType(EventType.EVENT_TYPE_REFRESHED)
              .setConnection("c-7")
              .setGeneration(1)
              .build());
      Eventually.await("the event", () -> source.keeper().wanted() == 1);
    }
    awaitCalls("GetToken", 2);
  }

  @Test
  void nothingIsFetchedTwiceIfTheStreamBeginsFirst() {
    TokenSource source = read();
    fake.setToken("c-7", "two", HOUR);
    awaitGeneration(source, 2);
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void aBrokenStreamIsResumedFromItsLastCursor() {
    TokenSource source = read();
    fake.endStreams(ErrorReason.SERVER_SHUTTING_DOWN);
    fake.setToken("c-7", "two", HOUR);
    assertEquals(1, source.token().generation());
    advanceTo(millis(100));
    awaitGeneration(source, 2);
    assertEquals("fake-1", cursor(1));
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void theWaitsGrowUntilAMessageComes() {
    read();
    fake.fail("WatchEvents", Status.Code.UNAVAILABLE, 2);
    fake.endStreams(ErrorReason.SERVER_SHUTTING_DOWN);
    advanceTo(millis(100));
    advanceTo(millis(200));
    advanceTo(millis(400));
    awaitWatcher();
    Eventually.await("its first message", () -> timing.timers() == 1);
    fake.endStreams(ErrorReason.SERVER_SHUTTING_DOWN);
    Eventually.await("a wait", () -> timing.timers() == 2);
    advanceTo(millis(100));
    awaitCalls("WatchEvents", 5);
  }

  @Test
  void aStreamThatLaggedIsResumedToo() {
    TokenSource source = read();
    fake.lag();
    fake.setToken("c-7", "two", HOUR);
    advanceTo(millis(100));
    awaitGeneration(source, 2);
    assertEquals("fake-1", cursor(1));
  }

  @Test
  void afterAnExpiredCursorItBeginsWithoutOneAndSourcesAskOnce() {
    TokenSource source = read();
    fake.endStreams(ErrorReason.SERVER_SHUTTING_DOWN);
    fake.setToken("c-7", "two", HOUR);
    fake.trim();
    advanceTo(millis(100));
    awaitCalls("WatchEvents", 2);
    advanceTo(millis(200));
    awaitGeneration(source, 2);
    assertEquals("", cursor(2));
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void aKeyThatMayNotWatchIsTriedAgainAfterFiveMinutes() {
    fake.fail("WatchEvents", ErrorReason.RIGHT_MISSING, 1, null);
    TokenSource source = read();
    fake.setToken("c-7", "two", HOUR);
    assertTrue(timing.hasTimer(Duration.ofMinutes(5)));
    timing.advance(Duration.ofMinutes(5).minusMillis(1));
    assertEquals(1, fake.calls("WatchEvents"));
    assertEquals(1, source.token().generation());
    timing.advance(millis(1));
    awaitCalls("WatchEvents", 2);
    awaitGeneration(source, 2);
  }

  @Test
  void itIsOpenWhileASourceIs() {
    TokenSource one = read();
    fake.setToken("c-8", "other", HOUR);
    TokenSource other = client.tokenSource("c-8");
    get(other.tokenAsync());
    one.close();
    assertEquals(1, fake.watchers());
    other.close();
    Eventually.await("its end", () -> fake.watchers() == 0);
    assertFalse(timing.hasTimer(millis(100)));
    get(client.tokenSource("c-8").tokenAsync());
    assertEquals(2, fake.calls("WatchEvents"));
  }
}
