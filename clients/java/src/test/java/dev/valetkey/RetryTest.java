package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeHold;
import dev.valetkey.v1.AuthorizeRequest;
import dev.valetkey.v1.CreateApplicationRequest;
import dev.valetkey.v1.CreateKeyRequest;
import dev.valetkey.v1.CreateProviderRequest;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.ExchangeRequest;
import dev.valetkey.v1.ListApplicationsRequest;
import dev.valetkey.v1.ListCatalogEntriesRequest;
import dev.valetkey.v1.ListConnectionsRequest;
import dev.valetkey.v1.ListKeysRequest;
import dev.valetkey.v1.ListProvidersRequest;
import dev.valetkey.v1.RefreshRequest;
import dev.valetkey.v1.UpdateApplicationRequest;
import dev.valetkey.v1.UpdateProviderRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The retry table, row by row, and the deadlines. */
class RetryTest extends FakeTest {
  @BeforeEach
  void connect() {
    fake.setToken("c-7", "secret", null);
  }

  @Test
  void waitsAsLongAsTheServerSays() {
    fake.fail("GetToken", ErrorReason.PROVIDER_THROTTLED, 1, millis(7300));
    CompletableFuture<Token> call = client.getTokenAsync("c-7");
    advanceTo(millis(7300));
    assertEquals("secret", get(call).accessToken());
    assertEquals(2, fake.calls("GetToken"));
  }

  @Test
  void waitsTwiceAsLongEachTimeUpToFiveSeconds() {
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 8);
    CompletableFuture<Token> call = client.getTokenAsync("c-7");
    int calls = 1;
    for (int wait : new int[] {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
      awaitCalls("GetToken", calls++);
      advanceTo(millis(wait));
    }
    assertEquals("secret", get(call).accessToken());
    assertEquals(9, fake.calls("GetToken"));
  }

  @Test
  void waitsAreJittered() {
    timing.setRandom(0);
    Backoff backoff = Backoff.ofCalls(timing);
    assertEquals(millis(50), backoff.next());
    timing.setRandom(0.999);
    assertEquals(299.8, backoff.next().toNanos() / 1e6, 0.001);
  }

  @Test
  void failsAtOnceIfTheWaitWouldEndAfterTheDeadline() {
    fake.fail("GetToken", ErrorReason.PROVIDER_UNAVAILABLE, 1, Duration.ofSeconds(30));
    UnavailableException error =
        assertInstanceOf(
            UnavailableException.class,
            failure(client.withTimeout(Duration.ofSeconds(20)).getTokenAsync("c-7")));
    assertEquals("PROVIDER_UNAVAILABLE", error.reason());
    assertEquals(Optional.of(Duration.ofSeconds(30)), error.retryDelay());
    assertEquals(1, fake.calls("GetToken"));
  }

  @Test
  void itsOwnWaitIsTheRetryDelayToo() {
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 3);
    CompletableFuture<Token> call = client.withTimeout(millis(600)).getTokenAsync("c-7");
    advanceTo(millis(100));
    advanceTo(millis(200));
    ValetKeyException error = failure(call);
    assertEquals(Optional.of(millis(400)), error.retryDelay());
    assertEquals("", error.reason());
    assertEquals(3, fake.calls("GetToken"));
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"OK", "UNAVAILABLE"})
  void anyOtherCodeFailsAtOnce(Status.Code code) {
    fake.fail("GetToken", code, 1);
    ValetKeyException error = failure(client.getTokenAsync("c-7"));
    assertEquals(code, error.code());
    assertEquals(Optional.empty(), error.retryDelay());
    assertEquals(1, fake.calls("GetToken"));
  }

  private Map<String, Supplier<CompletableFuture<?>>> calls() {
    AuthorizeRequest authorize =
        AuthorizeRequest.newBuilder().setProvider("pinterest").setSubject("ann").build();
    RefreshRequest refresh = RefreshRequest.newBuilder().setName("c-7").build();
    return Map.ofEntries(
        Map.entry("Authorize", () -> client.authorizeAsync(authorize)),
        Map.entry("Exchange", () -> client.exchangeAsync(ExchangeRequest.getDefaultInstance())),
        Map.entry("GetToken", () -> client.getTokenAsync("c-7")),
        Map.entry(
            "Refresh", () -> client.refreshAsync(refresh.toBuilder().setGeneration(1).build())),
        Map.entry("Refresh without", () -> client.refreshAsync(refresh)),
        Map.entry("Revoke", () -> client.revokeAsync("c-7")),
        Map.entry("GetConnection", () -> client.connections().getAsync("c-7")),
        Map.entry(
            "ListConnections",
            () -> client.connections().listPageAsync(ListConnectionsRequest.getDefaultInstance())),
        Map.entry(
            "UpdateConnection", () -> client.connections().updateLabelsAsync("c-7", Map.of(), "")),
        Map.entry("DeleteConnection", () -> client.connections().deleteAsync("c-7", "")),
        Map.entry(
            "CreateProvider",
            () -> client.providers().createAsync(CreateProviderRequest.getDefaultInstance())),
        Map.entry("GetProvider", () -> client.providers().getAsync("pinterest")),
        Map.entry(
            "ListProviders",
            () -> client.providers().listPageAsync(ListProvidersRequest.getDefaultInstance())),
        Map.entry(
            "UpdateProvider",
            () -> client.providers().updateAsync(UpdateProviderRequest.getDefaultInstance())),
        Map.entry("DeleteProvider", () -> client.providers().deleteAsync("pinterest", "")),
        Map.entry(
            "ListCatalogEntries",
            () ->
                client
                    .providers()
                    .listCatalogPageAsync(ListCatalogEntriesRequest.getDefaultInstance())),
        Map.entry("GetCatalogEntry", () -> client.providers().getCatalogEntryAsync("pinterest")),
        Map.entry(
            "CreateApplication",
            () -> client.applications().createAsync(CreateApplicationRequest.getDefaultInstance())),
        Map.entry("GetApplication", () -> client.applications().getAsync("shop")),
        Map.entry(
            "ListApplications",
            () ->
                client.applications().listPageAsync(ListApplicationsRequest.getDefaultInstance())),
        Map.entry(
            "UpdateApplication",
            () -> client.applications().updateAsync(UpdateApplicationRequest.getDefaultInstance())),
        Map.entry("DeleteApplication", () -> client.applications().deleteAsync("shop", "")),
        Map.entry(
            "CreateKey",
            () -> client.applications().createKeyAsync(CreateKeyRequest.getDefaultInstance())),
        Map.entry(
            "ListKeys",
            () -> client.applications().listKeysPageAsync(ListKeysRequest.getDefaultInstance())),
        Map.entry("RevokeKey", () -> client.applications().revokeKeyAsync("k-1")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Authorize",
        "Exchange",
        "GetToken",
        "Refresh",
        "Revoke",
        "GetConnection",
        "ListConnections",
        "GetProvider",
        "ListProviders",
        "ListCatalogEntries",
        "GetCatalogEntry",
        "GetApplication",
        "ListApplications",
        "ListKeys",
        "RevokeKey"
      })
  void repeatsWhatCanBeRepeated(String method) {
    fake.fail(method, Status.Code.UNAVAILABLE, 1);
    CompletableFuture<?> call = calls().get(method).get();
    advanceTo(millis(100));
    awaitCalls(method, 2);
    call.cancel(true);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Refresh without",
        "UpdateConnection",
        "DeleteConnection",
        "CreateProvider",
        "UpdateProvider",
        "DeleteProvider",
        "CreateApplication",
        "UpdateApplication",
        "DeleteApplication",
        "CreateKey"
      })
  void doesNotRepeatTheOthers(String method) {
    String name = method.split(" ", 2)[0];
    fake.fail(name, Status.Code.UNAVAILABLE, 1);
    assertEquals(Status.Code.UNAVAILABLE, failure(calls().get(method).get()).code());
    assertEquals(1, fake.calls(name));
  }

  @Test
  void noServerIsUnavailableAtOnce() {
    fake.stop();
    CompletableFuture<Token> call = client.getTokenAsync("c-7");
    Eventually.await("a wait", () -> timing.hasTimer(millis(100)));
    fake.restart();
    Eventually.await(
        "an answer",
        () -> {
          timing.advance(millis(50));
          return call.isDone();
        });
    assertEquals("secret", get(call).accessToken());
  }

  @Test
  void aCallThatIsNotAnsweredEndsAtItsDeadline() {
    try (FakeHold hold = fake.hold("GetToken")) {
      ValetKeyException error = failure(client.withTimeout(millis(50)).getTokenAsync("c-7"));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, error.code());
      assertEquals(ValetKeyException.class, error.getClass());
      assertEquals(1, hold.waiting());
    }
  }

  @Test
  void anEarlierUnavailableTellsMoreThanTheDeadline() {
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 1);
    CompletableFuture<Token> call = client.withTimeout(millis(300)).getTokenAsync("c-7");
    Eventually.await("a wait", () -> timing.hasTimer(millis(100)));
    try (FakeHold hold = fake.hold("GetToken")) {
      timing.advance(millis(100));
      ValetKeyException error = failure(call);
      assertInstanceOf(UnavailableException.class, error);
      assertEquals(Optional.of(millis(100)), error.retryDelay());
      assertEquals(1, hold.waiting());
    }
  }

  @Test
  void cancellingTheFutureCancelsTheCall() {
    fake.fail("GetToken", Status.Code.UNAVAILABLE, 1);
    CompletableFuture<Token> call = client.getTokenAsync("c-7");
    Eventually.await("a wait", () -> timing.hasTimer(millis(100)));
    assertTrue(call.cancel(true));
    assertFalse(timing.hasTimer(millis(100)));
    assertThrows(CancellationException.class, call::join);
  }

  @Test
  void anInterruptCancelsABlockingCall() throws InterruptedException {
    try (FakeHold hold = fake.hold("GetToken")) {
      CompletableFuture<ValetKeyException> outcome = new CompletableFuture<>();
      Thread caller =
          new Thread(
              () -> {
                try {
                  client.getToken("c-7");
                } catch (ValetKeyException e) {
                  outcome.complete(Thread.currentThread().isInterrupted() ? e : null);
                }
              });
      caller.start();
      Eventually.await("the call", () -> hold.waiting() == 1);
      caller.interrupt();
      assertEquals(Status.Code.CANCELLED, get(outcome).code());
      caller.join();
    }
  }

  @Test
  void aTimeoutOfAgesHasNotPassed() {
    Stream.of(Duration.ofDays(40_000), Duration.ofSeconds(Long.MAX_VALUE))
        .forEach(
            timeout ->
                assertEquals(
                    "secret", get(client.withTimeout(timeout).getTokenAsync("c-7")).accessToken()));
  }
}
