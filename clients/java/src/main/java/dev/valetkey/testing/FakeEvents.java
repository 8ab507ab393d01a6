package dev.valetkey.testing;

import dev.valetkey.v1.Checkpoint;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.EventServiceGrpc;
import dev.valetkey.v1.WatchEventsRequest;
import dev.valetkey.v1.WatchEventsResponse;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The log of events, and who watches it. Guarded by the state's lock. */
final class FakeEvents extends EventServiceGrpc.EventServiceImplBase {
  private static final String CURSOR = "fake-";

  private final FakeState state;
  private final List<Event> log = new ArrayList<>();
  private final Set<Watcher> watchers = new LinkedHashSet<>();
  private long last;

  FakeEvents(FakeState state) {
    this.state = state;
  }

  void emit(Event event) {
    synchronized (state) {
      Event numbered = event.toBuilder().setSequence(++last).setTime(state.now()).build();
      log.add(numbered);
      for (Watcher watcher : watchers) {
        watcher.send(numbered);
      }
    }
  }

  /** Ends the streams. */
  void end(StatusRuntimeException error) {
    List<Watcher> ended;
    synchronized (state) {
      ended = List.copyOf(watchers);
      watchers.clear();
    }
    for (Watcher watcher : ended) {
      watcher.stream.onError(error);
    }
  }

  /** Forgets what has happened: cursors of before have expired. */
  void trim() {
    synchronized (state) {
      last++;
      log.clear();
    }
  }

  int watchers() {
    synchronized (state) {
      return watchers.size();
    }
  }

  String cursor() {
    synchronized (state) {
      return CURSOR + last;
    }
  }

  @Override
  public void watchEvents(
      WatchEventsRequest request, StreamObserver<WatchEventsResponse> observer) {
    ServerCallStreamObserver<WatchEventsResponse> stream =
        (ServerCallStreamObserver<WatchEventsResponse>) observer;
    Watcher watcher = new Watcher(request, stream);
    synchronized (state) {
      long from = request.getCursor().isEmpty() ? last : sequence(request.getCursor());
      stream.setOnCancelHandler(() -> remove(watcher));
      if (request.getSnapshot()) {
        state.connections().forEach(watcher::send);
      }
      log.stream().filter(event -> event.getSequence() > from).forEach(watcher::send);
      stream.onNext(
          WatchEventsResponse.newBuilder()
              .setCheckpoint(Checkpoint.newBuilder().setTime(state.now()))
              .setCursor(cursor())
              .build());
      watchers.add(watcher);
    }
  }

  private void remove(Watcher watcher) {
    synchronized (state) {
      watchers.remove(watcher);
    }
  }

  private long sequence(String cursor) {
    if (!cursor.matches(CURSOR + "\\d{1,18}")) {
      throw FakeErrors.error(ErrorReason.CURSOR_INVALID, Map.of());
    }
    long sequence = Long.parseLong(cursor.substring(CURSOR.length()));
    long oldest = log.isEmpty() ? last : log.get(0).getSequence() - 1;
    if (sequence < oldest) {
      throw FakeErrors.error(ErrorReason.CURSOR_EXPIRED, Map.of());
    }
    return sequence;
  }

  private record Watcher(
      WatchEventsRequest request, ServerCallStreamObserver<WatchEventsResponse> stream) {

    void send(Event event) {
      boolean typed =
          request.getTypesCount() == 0 || request.getTypesList().contains(event.getType());
      if (typed
          && matches(
              event.getConnection(),
              event.getProvider(),
              event.getSubject(),
              event.getLabelsMap())) {
        stream.onNext(
            WatchEventsResponse.newBuilder()
                .setEvent(event)
                .setCursor(CURSOR + event.getSequence())
                .build());
      }
    }

    void send(Connection connection) {
      if (matches(
          connection.getName(),
          connection.getProvider(),
          connection.getSubject(),
          connection.getLabelsMap())) {
        stream.onNext(WatchEventsResponse.newBuilder().setConnection(connection).build());
      }
    }

    private boolean matches(
        String connection, String provider, String subject, Map<String, String> labels) {
      return connection.startsWith(request.getParent() + "/")
          && isAny(request.getConnection(), connection)
          && isAny(request.getProvider(), provider)
          && isAny(request.getSubject(), subject)
          && labels.entrySet().containsAll(request.getLabelsMap().entrySet());
    }

    private static boolean isAny(String wanted, String value) {
      return wanted.isEmpty() || wanted.equals(value);
    }
  }
}
