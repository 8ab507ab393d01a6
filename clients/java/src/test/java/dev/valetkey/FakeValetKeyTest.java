package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeHold;
import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.EventType;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.WatchEventsRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What users' tests rest on. */
class FakeValetKeyTest extends FakeTest {
  @Test
  void generationsGoUpFromOne() {
    assertEquals(1, fake.setToken("c-7", "one", Duration.ofMinutes(1), "a", "b"));
    assertEquals(2, fake.setToken("shop/c-7", "two", null));
    assertEquals(3, fake.setToken(CONNECTION, "three", null));
    assertEquals("three", client.getToken("c-7").accessToken());
  }

  @Test
  void anExpiredTokenHasASuccessor() {
    fake.setToken("c-7", "one", Duration.ofMinutes(1), "a");
    timing.advance(Duration.ofMinutes(1));
    Token next = client.getToken("c-7");
    assertEquals(2, next.generation());
    assertEquals(List.of("a"), next.scopes());
  }

  @Test
  void failsTheNextCallsOnly() {
    fake.setToken("c-7", "one", null);
    fake.fail("GetToken", ErrorReason.ENCRYPTION_KEY_MISSING, 2, null);
    for (int i = 0; i < 2; i++) {
      ValetKeyException error = assertThrows(ValetKeyException.class, () -> client.getToken("c-7"));
      assertEquals("ENCRYPTION_KEY_MISSING", error.reason());
    }
    assertEquals("one", client.getToken("c-7").accessToken());
    assertEquals(3, fake.calls("GetToken"));
    assertEquals(CONNECTION, ((GetTokenRequest) fake.requests("GetToken").get(2)).getName());
    assertEquals(0, fake.calls("Refresh"));
  }

  @ParameterizedTest
  @EnumSource(
      value = ErrorReason.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"UNRECOGNIZED", "ERROR_REASON_UNSPECIFIED"})
  void hasACodeForEachReason(ErrorReason reason) {
    fake.fail("GetToken", reason, 1, Duration.ofDays(1));
    ValetKeyException error = failure(client.getTokenAsync("c-7"));
    assertEquals(reason.name(), error.reason());
    assertEquals(Optional.of(Duration.ofDays(1)), error.retryDelay());
    boolean alone = reason == ErrorReason.INTERNAL_FAULT;
    assertEquals(alone, error.code() == Status.Code.INTERNAL);
  }

  @Test
  void holdsCalls() {
    fake.setToken("c-7", "one", null);
    CompletableFuture<Token> call;
    try (FakeHold hold = fake.hold("GetToken")) {
      call = client.getTokenAsync("c-7");
      Eventually.await("the call", () -> hold.waiting() == 1);
    }
    assertEquals("one", get(call).accessToken());
    assertEquals("one", get(client.getTokenAsync("c-7")).accessToken());
  }

  @Test
  void watchersSeeOnlyWhatTheyAskFor() {
    WatchEventsRequest request =
        WatchEventsRequest.newBuilder()
            .setConnection("c-7")
            .addTypes(EventType.EVENT_TYPE_REVOKED)
            .addTypes(EventType.EVENT_TYPE_EXPIRING)
            .build();
    try (Watch watch = client.watch(request)) {
      get(watch.nextAsync());
      fake.setToken("c-7", "one", null);
      fake.setToken("c-8", "other", null);
      fake.emit(
          Event.newBuilder().setType(EventType.EVENT_TYPE_EXPIRING).setConnection("c-7").build());
      fake.revoke("c-8");
      fake.revoke("c-7");
      assertEquals(EventType.EVENT_TYPE_EXPIRING, get(watch.nextAsync()).getEvent().getType());
      Event revoked = get(watch.nextAsync()).getEvent();
      assertEquals(EventType.EVENT_TYPE_REVOKED, revoked.getType());
      assertEquals(CONNECTION, revoked.getConnection());
      assertEquals(5, revoked.getSequence());
    }
  }

  @Test
  void refusesACursorThatIsNotItsOwn() {
    for (String cursor : Arrays.asList("x", "fake-", "other-1")) {
      try (Watch watch = client.watch(WatchEventsRequest.newBuilder().setCursor(cursor).build())) {
        assertInstanceOf(InvalidArgumentException.class, failure(watch.nextAsync()));
      }
    }
  }

  @Test
  void comesBackAtTheSameAddress() {
    fake.setToken("c-7", "one", null);
    String address = fake.address();
    fake.restart();
    assertEquals(address, fake.address());
    try (ValetKeyClient other = fake.client()) {
      assertEquals("one", other.getToken("c-7").accessToken());
    }
  }

  @Test
  void mayBeOfAnotherApplication() {
    try (FakeValetKey other = FakeValetKey.builder().application("other").start();
        ValetKeyClient its = other.client()) {
      other.setToken("c-7", "one", null);
      assertTrue(its.connections().get("c-7").getName().startsWith("applications/other/"));
    }
  }
}
