package dev.valetkey;

import dev.valetkey.v1.Event;
import dev.valetkey.v1.EventType;
import dev.valetkey.v1.WatchEventsRequest;
import dev.valetkey.v1.WatchEventsResponse;
import io.grpc.Status;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * The one stream of events that all token sources of an application share. It is resumed from its
 * last cursor until it is closed. Thread-safe; keepers are called without its lock.
 */
final class SharedWatch {
  /** How long the first source waits for the first message. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  /** When a key that may not read metadata is tried again: its rights do not change. */
  private static final Duration REFUSED = Duration.ofMinutes(5);

  private static final List<EventType> TYPES =
      List.of(
          EventType.EVENT_TYPE_REAUTHORIZED,
          EventType.EVENT_TYPE_REFRESHED,
          EventType.EVENT_TYPE_REAUTHORIZATION_REQUIRED,
          EventType.EVENT_TYPE_REVOKED,
          EventType.EVENT_TYPE_DELETED);

  private final Calls calls;
  private final String application;
  private final CompletableFuture<Void> opened = new CompletableFuture<>();

  private final Object lock = new Object();
  // Guarded by lock.
  private final Set<TokenKeeper> keepers = new LinkedHashSet<>();
  private final Backoff backoff;
  private String cursor = "";
  private boolean started;
  private boolean closed;
  private Stream stream;
  private Timing.Timer timer;

  SharedWatch(Calls calls, String application) {
    this.calls = calls;
    this.application = application;
    this.backoff = Backoff.ofCalls(calls.timing());
  }

  void add(TokenKeeper keeper) {
    synchronized (lock) {
      keepers.add(keeper);
    }
  }

  /** Whether that was the last one. */
  boolean remove(TokenKeeper keeper) {
    synchronized (lock) {
      return keepers.remove(keeper) && keepers.isEmpty();
    }
  }

  /** Begins the stream, unless it has been. */
  void open() {
    synchronized (lock) {
      if (started) {
        return;
      }
      started = true;
    }
    begin();
    Timing.Timer patience = calls.timing().schedule(PATIENCE, () -> opened.complete(null));
    opened.thenRun(patience::cancel);
  }

  /** Done once the first message came, or is not worth waiting for any longer. */
  CompletableFuture<Void> opened() {
    return opened;
  }

  void close() {
    synchronized (lock) {
      closed = true;
      if (timer != null) {
        timer.cancel();
      }
      if (stream != null) {
        stream.events.cancel();
      }
    }
    opened.complete(null);
  }

  private void begin() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      WatchEventsRequest request =
          WatchEventsRequest.newBuilder()
              .setParent(application)
              .setCursor(cursor)
              .addAllTypes(TYPES)
              .build();
      stream = new Stream(request);
    }
  }

  private List<TokenKeeper> all() {
    synchronized (lock) {
      return List.copyOf(keepers);
    }
  }

  private void tell(Event event) {
    for (TokenKeeper keeper : all()) {
      if (keeper.connection().equals(event.getConnection())) {
        keeper.onEvent(event);
      }
    }
  }

  private void ended(Failure failure) {
    synchronized (lock) {
      if (closed) {
        return;
      }
      if (failure.reason().equals("CURSOR_EXPIRED") || failure.reason().equals("CURSOR_INVALID")) {
        cursor = "";
      }
      boolean refused = failure.is(Status.Code.PERMISSION_DENIED);
      Duration wait = refused ? REFUSED : failure.waitOr(backoff);
      timer = calls.timing().schedule(wait, this::begin);
    }
    opened.complete(null);
  }

  /** One call of the stream. Made with the lock held: its messages find it whole. */
  private final class Stream implements EventStream.Listener {
    private final boolean fromNow;
    private final EventStream events;
    private boolean began;

    Stream(WatchEventsRequest request) {
      fromNow = request.getCursor().isEmpty();
      events = new EventStream(calls, request, this);
    }

    @Override
    public void message(WatchEventsResponse message) {
      boolean first = !began;
      began = true;
      synchronized (lock) {
        if (closed) {
          return;
        }
        if (first) {
          backoff.reset();
        }
        if (!message.getCursor().isEmpty()) {
          cursor = message.getCursor();
        }
      }
      if (first && fromNow) {
        // What happened before now is in no event.
        all().forEach(TokenKeeper::onWatchBegan);
      }
      opened.complete(null);
      if (message.hasEvent()) {
        tell(message.getEvent());
      }
      next();
    }

    private void next() {
      synchronized (lock) {
        events.next();
      }
    }

    @Override
    public void ended(Failure failure) {
      SharedWatch.this.ended(failure);
    }
  }
}
