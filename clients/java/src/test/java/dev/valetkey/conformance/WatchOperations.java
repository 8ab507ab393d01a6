package dev.valetkey.conformance;

import com.google.gson.JsonObject;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.ValetKeyException;
import dev.valetkey.Watch;
import dev.valetkey.v1.WatchEventsRequest;
import dev.valetkey.v1.WatchEventsResponse;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What is asked of a watch. Thread-safe. */
final class WatchOperations {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Map<String, Watch> watches = new ConcurrentHashMap<>();

  JsonObject open(ValetKeyClient client, JsonObject request) {
    Watch watch =
        client.watch(
            WatchEventsRequest.newBuilder()
                .setConnection(Json.string(request, "connection"))
                .setCursor(Json.string(request, "cursor"))
                .setSnapshot(Json.bool(request, "snapshot", false))
                .build());
    watches.put(Json.string(request, "watch"), watch);
    return new JsonObject();
  }

  JsonObject next(JsonObject request) throws InterruptedException {
    Watch watch = watches.get(Json.string(request, "watch"));
    boolean checkpoints = Json.bool(request, "checkpoints", false);
    long end = System.nanoTime() + Json.millis(request, "timeout_ms").orElse(PATIENCE).toNanos();
    while (true) {
      WatchEventsResponse message = next(watch, end - System.nanoTime());
      if (checkpoints || !message.hasCheckpoint()) {
        return told(message);
      }
    }
  }

  private static WatchEventsResponse next(Watch watch, long nanos) throws InterruptedException {
    CompletableFuture<WatchEventsResponse> next = watch.nextAsync();
    try {
      return next.get(nanos, TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ValetKeyException error) {
        throw error;
      }
      throw new IllegalStateException(e);
    } catch (TimeoutException e) {
      next.cancel(true);
      throw new IllegalStateException("no message came", e);
    }
  }

  private static JsonObject told(WatchEventsResponse message) {
    JsonObject result = new JsonObject();
    result.addProperty("cursor", message.getCursor());
    switch (message.getMessageCase()) {
      case EVENT -> {
        result.addProperty("type", "event");
        result.addProperty(
            "event_type", message.getEvent().getType().name().replace("EVENT_TYPE_", ""));
        result.addProperty("connection", message.getEvent().getConnection());
        result.addProperty("generation", message.getEvent().getGeneration());
      }
      case CONNECTION -> {
        result.addProperty("type", "connection");
        result.addProperty("connection", message.getConnection().getName());
        result.addProperty("generation", message.getConnection().getGeneration());
      }
      default -> result.addProperty("type", "checkpoint");
    }
    return result;
  }

  JsonObject close(JsonObject request) {
    watches.get(Json.string(request, "watch")).close();
    return new JsonObject();
  }
}
