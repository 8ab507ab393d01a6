package dev.valetkey;

import dev.valetkey.v1.WatchEventsRequest;
import dev.valetkey.v1.WatchEventsResponse;
import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;

/**
 * The messages of WatchEvents, in order: an event, a connection of a snapshot, or a checkpoint,
 * each with its cursor.
 *
 * <p>Made by {@link ValetKeyClient#watch}. When the stream breaks, or ValetKey says that the reader
 * was too slow, it begins again after the last cursor and the reader notices nothing. Any other
 * error ends it, {@link CursorExpiredException} among them. It has no deadline.
 *
 * <p>Thread-safe; a message goes to one reader.
 */
public final class Watch implements AutoCloseable, Iterable<WatchEventsResponse> {
  private final Core core;
  private final Calls calls;
  private final WatchEventsRequest request;
  private final Core.Child child = this::close;

  private final Object lock = new Object();
  // Guarded by lock.
  private final Queue<Received> received = new ArrayDeque<>();
  private final Queue<CompletableFuture<WatchEventsResponse>> readers = new ArrayDeque<>();
  private final Backoff backoff;
  private String cursor = "";
  private Stream stream;
  private Timing.Timer timer;
  private Failure end;
  private boolean closed;

  Watch(Core core, WatchEventsRequest request) {
    this.core = core;
    this.calls = core.calls();
    this.request = request;
    this.backoff = Backoff.ofCalls(calls.timing());
  }

  /** Begins the first stream. */
  void open() {
    core.adopt(child);
    begin();
  }

  /**
   * Waits for the next message.
   *
   * @return the message
   * @throws ValetKeyException what ended the watch; CANCELLED if it was closed, or if this thread
   *     was interrupted
   */
  public WatchEventsResponse next() {
    return Calls.await(nextAsync());
  }

  /**
   * As {@link #next}, without blocking. To cancel the future leaves the message to another reader.
   *
   * @return the message to come
   */
  public CompletableFuture<WatchEventsResponse> nextAsync() {
    synchronized (lock) {
      Received next = received.poll();
      if (next != null) {
        next.from.events.next();
        return CompletableFuture.completedFuture(next.message);
      }
      if (end != null) {
        return Calls.failed(end);
      }
      CompletableFuture<WatchEventsResponse> reader = new CompletableFuture<>();
      readers.add(reader);
      return reader;
    }
  }

  /**
   * The messages to come, until the watch is closed. It throws a {@link ValetKeyException} where
   * another error ends it.
   *
   * @return waits for each message
   */
  @Override
  public Iterator<WatchEventsResponse> iterator() {
    return new Messages();
  }

  /** Ends the stream, and those who wait, with CANCELLED. */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      received.clear();
    }
    end(Failure.cancelled("the watch is closed"));
  }

  private void begin() {
    synchronized (lock) {
      if (end != null) {
        return;
      }
      WatchEventsRequest.Builder next = request.toBuilder();
      if (!cursor.isEmpty()) {
        next.setCursor(cursor).setSnapshot(false);
      }
      stream = new Stream(next.build());
    }
  }

  private void end(Failure failure) {
    Queue<CompletableFuture<WatchEventsResponse>> left;
    synchronized (lock) {
      if (end != null) {
        return;
      }
      end = failure;
      if (timer != null) {
        timer.cancel();
      }
      if (stream != null) {
        stream.events.cancel();
      }
      left = new ArrayDeque<>(readers);
      readers.clear();
    }
    core.disown(child);
    left.forEach(reader -> reader.completeExceptionally(failure.toException()));
  }

  private static boolean isPassing(Failure failure) {
    return failure.is(Status.Code.UNAVAILABLE) || failure.reason().equals("WATCH_LAGGED");
  }

  /** One call of the stream. Made with the lock held: its messages find it whole. */
  private final class Stream implements EventStream.Listener {
    private final EventStream events;
    private boolean began;

    Stream(WatchEventsRequest from) {
      events = new EventStream(calls, from, this);
    }

    @Override
    public void message(WatchEventsResponse message) {
      synchronized (lock) {
        if (!began) {
          began = true;
          backoff.reset();
        }
        if (!message.getCursor().isEmpty()) {
          cursor = message.getCursor();
        }
      }
      while (true) {
        CompletableFuture<WatchEventsResponse> reader;
        synchronized (lock) {
          if (end != null) {
            return;
          }
          reader = readers.poll();
          if (reader == null) {
            received.add(new Received(message, this));
            return;
          }
        }
        // One who has given up takes nothing.
        if (reader.complete(message)) {
          events.next();
          return;
        }
      }
    }

    @Override
    public void ended(Failure failure) {
      if (!isPassing(failure)) {
        end(calls.isClosed() ? Calls.closedFailure() : failure);
        return;
      }
      synchronized (lock) {
        if (end == null) {
          timer = calls.timing().schedule(failure.waitOr(backoff), Watch.this::begin);
        }
      }
    }
  }

  /** A message that nobody has taken yet. The next one is asked for when it is taken. */
  private record Received(WatchEventsResponse message, Stream from) {}

  private final class Messages implements Iterator<WatchEventsResponse> {
    private WatchEventsResponse peeked;

    @Override
    public boolean hasNext() {
      if (peeked != null) {
        return true;
      }
      try {
        peeked = Watch.this.next();
        return true;
      } catch (ValetKeyException e) {
        if (isClosed()) {
          return false;
        }
        throw e;
      }
    }

    @Override
    public WatchEventsResponse next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      WatchEventsResponse message = peeked;
      peeked = null;
      return message;
    }

    private boolean isClosed() {
      synchronized (lock) {
        return closed;
      }
    }
  }
}
