package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.EventType;
import dev.valetkey.v1.ListConnectionsRequest;
import dev.valetkey.v1.WatchEventsRequest;
import dev.valetkey.v1.WatchEventsResponse;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class WatchTest extends FakeTest {
  private static WatchEventsRequest snapshot() {
    return WatchEventsRequest.newBuilder().setSnapshot(true).build();
  }

  private WatchEventsRequest request(int call) {
    return (WatchEventsRequest) fake.requests("WatchEvents").get(call);
  }

  @Test
  void yieldsEventsInOrder() {
    try (Watch watch = client.watch()) {
      assertTrue(get(watch.nextAsync()).hasCheckpoint());
      fake.setToken("c-7", "one", null);
      fake.setToken("c-7", "two", null);
      fake.revoke("c-7");
      List<EventType> types = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        WatchEventsResponse message = get(watch.nextAsync());
        assertEquals(CONNECTION, message.getEvent().getConnection());
        assertFalse(message.getCursor().isEmpty());
        types.add(message.getEvent().getType());
      }
      assertEquals(
          List.of(
              EventType.EVENT_TYPE_CONNECTED,
              EventType.EVENT_TYPE_REFRESHED,
              EventType.EVENT_TYPE_REVOKED),
          types);
    }
  }

  @Test
  void beginsWithASnapshotIfAsked() {
    fake.setToken("c-7", "one", null);
    fake.setToken("c-8", "two", null);
    try (Watch watch = client.watch(snapshot())) {
      assertEquals(CONNECTION, get(watch.nextAsync()).getConnection().getName());
      assertTrue(get(watch.nextAsync()).hasConnection());
      assertTrue(get(watch.nextAsync()).hasCheckpoint());
    }
  }

  @Test
  void namesMayBeShort() {
    try (Watch watch = client.watch(WatchEventsRequest.newBuilder().setConnection("c-7").build())) {
      get(watch.nextAsync());
      assertEquals(CONNECTION, request(0).getConnection());
      assertEquals("applications/shop", request(0).getParent());
    }
  }

  @Test
  void resumesAfterTheLastCursor() {
    try (Watch watch = client.watch()) {
      get(watch.nextAsync());
      fake.setToken("c-7", "one", null);
      assertEquals(1, get(watch.nextAsync()).getEvent().getGeneration());
      fake.endStreams(ErrorReason.SERVER_SHUTTING_DOWN);
      fake.setToken("c-7", "two", null);
      CompletableFuture<WatchEventsResponse> next = watch.nextAsync();
      advanceTo(millis(100));
      assertEquals(2, get(next).getEvent().getGeneration());
      assertEquals("fake-1", request(1).getCursor());
    }
  }

  @Test
  void resumesWhereItWasTooSlow() {
    try (Watch watch = client.watch()) {
      get(watch.nextAsync());
      fake.lag();
      fake.setToken("c-7", "one", null);
      advanceTo(millis(100));
      assertEquals(1, get(watch.nextAsync()).getEvent().getGeneration());
    }
  }

  @Test
  void waitsAsTheRetryTableSaysWhileValetKeyIsAway() {
    fake.fail("WatchEvents", Status.Code.UNAVAILABLE, 3);
    try (Watch watch = client.watch()) {
      advanceTo(millis(100));
      advanceTo(millis(200));
      advanceTo(millis(400));
      assertTrue(get(watch.nextAsync()).hasCheckpoint());
    }
  }

  @Test
  void aBreakWithinASnapshotBeginsItAnew() {
    fake.setToken("c-7", "one", null);
    fake.fail("WatchEvents", Status.Code.UNAVAILABLE, 1);
    try (Watch watch = client.watch(snapshot())) {
      advanceTo(millis(100));
      assertTrue(get(watch.nextAsync()).hasConnection());
      assertTrue(request(1).getSnapshot());
      assertTrue(get(watch.nextAsync()).hasCheckpoint());
      fake.lag();
      advanceTo(millis(100));
      awaitCalls("WatchEvents", 3);
      assertFalse(request(2).getSnapshot());
      assertEquals("fake-1", request(2).getCursor());
    }
  }

  @Test
  void anExpiredCursorEndsIt() {
    fake.setToken("c-7", "one", null);
    String cursor =
        client.connections().listPage(ListConnectionsRequest.getDefaultInstance()).getCursor();
    fake.trim();
    try (Watch watch = client.watch(WatchEventsRequest.newBuilder().setCursor(cursor).build())) {
      assertInstanceOf(CursorExpiredException.class, failure(watch.nextAsync()));
      assertThrows(CursorExpiredException.class, watch::next);
      assertThrows(CursorExpiredException.class, () -> watch.iterator().hasNext());
    }
  }

  @Test
  void whatCameBeforeTheEndIsYieldedFirst() {
    try (Watch watch = client.watch()) {
      Eventually.await("the stream", () -> fake.watchers() == 1);
      fake.endStreams(ErrorReason.INTERNAL_FAULT);
      assertTrue(get(watch.nextAsync()).hasCheckpoint());
      assertEquals(Status.Code.INTERNAL, failure(watch.nextAsync()).code());
    }
  }

  @Test
  void closingEndsThoseWhoWait() {
    Watch watch = client.watch();
    get(watch.nextAsync());
    CompletableFuture<WatchEventsResponse> next = watch.nextAsync();
    watch.close();
    watch.close();
    assertEquals(Status.Code.CANCELLED, failure(next).code());
    assertEquals(Status.Code.CANCELLED, failure(watch.nextAsync()).code());
    Eventually.await("the stream's end", () -> fake.watchers() == 0);
  }

  @Test
  void iteratingEndsWhenItIsClosed() {
    fake.setToken("c-7", "one", null);
    int messages = 0;
    Watch watch = client.watch(snapshot());
    for (WatchEventsResponse message : watch) {
      messages++;
      if (message.hasCheckpoint()) {
        watch.close();
      }
    }
    assertEquals(2, messages);
    Iterator<WatchEventsResponse> over = watch.iterator();
    assertThrows(NoSuchElementException.class, over::next);
  }

  @Test
  void oneThatGaveUpLeavesTheMessageToAnother() {
    try (Watch watch = client.watch()) {
      get(watch.nextAsync());
      CompletableFuture<WatchEventsResponse> given = watch.nextAsync();
      given.cancel(true);
      CompletableFuture<WatchEventsResponse> next = watch.nextAsync();
      fake.setToken("c-7", "one", null);
      assertEquals(1, get(next).getEvent().getGeneration());
    }
  }
}
