package dev.valetkey;

import dev.valetkey.Waiters.Waiter;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.TokenServiceGrpc;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The state behind a token source: what is held, the one fetch that may be under way, and who waits
 * for it.
 *
 * <p>Invariants: at most one of {@code fetch} and {@code retry} is set; whoever waits has one of
 * them to wait for; the generation held never goes down, but by the connection's end. Futures are
 * completed, and calls are begun, after the lock is let go. Thread-safe.
 */
final class TokenKeeper implements Core.Child {
  private static final Failure CLOSED = Failure.cancelled("the token source is closed");

  private final Core core;
  private final Calls calls;
  private final Timing timing;
  private final String connection;
  private final String application;
  private final SourceOptions options;

  private volatile Held held;

  private final Object lock = new Object();
  // Guarded by lock. What is held is written with it, too.
  private final Waiters waiters;
  private final Backoff backoff;
  private boolean closed;
  private Fetch fetch;
  private final OneTimer retry;
  private final OneTimer refresh;

  /** Whether the fetch is wanted although nobody may wait for it. */
  private boolean background;

  /** Whether another fetch must follow the one under way, which may have been answered before. */
  private boolean again;

  /** At least this generation: an event told of it. */
  private long wanted;

  /** The last generation that the provider refused. */
  private long rejected;

  /** How often the connection has ended: a fetch begun before an end tells nothing. */
  private int ends;

  private final RecentFailure recent;

  TokenKeeper(Core core, String connection, SourceOptions options) {
    this.core = core;
    this.calls = core.calls();
    this.timing = calls.timing();
    this.connection = connection;
    this.application = Names.applicationOf(connection);
    this.options = options;
    this.waiters = new Waiters(timing, lock);
    this.backoff = Backoff.ofCalls(timing);
    this.retry = new OneTimer(timing, lock);
    this.refresh = new OneTimer(timing, lock);
    this.recent = new RecentFailure(timing);
  }

  String connection() {
    return connection;
  }

  /** The token in memory, if it can be used: a volatile read and a look at the clock. */
  Token peek() {
    Held now = held;
    return now != null && now.isUsable(timing.millis()) ? now.token() : null;
  }

  /** A token that somebody waits for: joins the fetch under way, or begins one. */
  CompletableFuture<Token> fetch(Duration timeout) {
    Waiter waiter;
    Runnable begin = null;
    synchronized (lock) {
      if (closed) {
        return Calls.failed(CLOSED);
      }
      Token token = peek();
      if (token != null) {
        return CompletableFuture.completedFuture(token);
      }
      if (recent.get() != null) {
        return Calls.failed(recent.get());
      }
      waiter = waiters.add(timeout);
      if (fetch == null) {
        // A wait for ValetKey to come back is not a reader's: it may be back by now.
        backoff.reset();
        begin = begin();
      }
    }
    waiter.future().whenComplete((token, error) -> waiters.forget(waiter));
    run(begin);
    return waiter.future();
  }

  /** The provider refused the token of this generation. */
  void invalidate(long generation) {
    synchronized (lock) {
      if (held != null && held.token().generation() == generation) {
        rejected = generation;
        held = held.rejected();
      }
    }
  }

  void onEvent(Event event) {
    switch (event.getType()) {
      case EVENT_TYPE_REFRESHED, EVENT_TYPE_REAUTHORIZED -> onNewer(event.getGeneration());
      case EVENT_TYPE_REVOKED -> onEnd(Status.Code.FAILED_PRECONDITION, "CONNECTION_REVOKED");
      case EVENT_TYPE_DELETED -> onEnd(Status.Code.NOT_FOUND, "CONNECTION_NOT_FOUND");
      default -> {
        synchronized (lock) {
          recent.forget();
        }
      }
    }
  }

  /** The watch began without a cursor: what is held may be of before. */
  void onWatchBegan() {
    Runnable begin = null;
    synchronized (lock) {
      if (fetch != null) {
        again |= fetch.sent;
        background |= held != null;
      } else if (held != null) {
        begin = beginInBackground();
      }
    }
    run(begin);
  }

  @Override
  public void close() {
    List<Waiter> left;
    CompletableFuture<Token> call;
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      held = null;
      retry.cancel();
      refresh.cancel();
      call = fetch == null ? null : fetch.call;
      fetch = null;
      left = waiters.take();
    }
    if (call != null) {
      call.cancel(true);
    }
    core.disown(this);
    core.leaveWatch(application, this);
    Waiters.fail(left, CLOSED);
  }

  /** How many wait. For tests, as the next two. */
  int waiting() {
    synchronized (lock) {
      return waiters.size();
    }
  }

  boolean isFetching() {
    synchronized (lock) {
      return fetch != null;
    }
  }

  long wanted() {
    synchronized (lock) {
      return wanted;
    }
  }

  private void onNewer(long generation) {
    Runnable begin = null;
    synchronized (lock) {
      recent.forget();
      if (held != null && generation <= held.token().generation()) {
        return;
      }
      wanted = Math.max(wanted, generation);
      background = true;
      if (fetch == null) {
        begin = beginInBackground();
      }
    }
    run(begin);
  }

  private void onEnd(Status.Code code, String reason) {
    Failure failure =
        new Failure(
            code, reason, Map.of("connection", connection), null, "the connection has ended", null);
    List<Waiter> left;
    synchronized (lock) {
      held = null;
      ends++;
      wanted = 0;
      background = false;
      again = false;
      retry.cancel();
      refresh.cancel();
      recent.remember(failure);
      left = waiters.take();
    }
    Waiters.fail(left, failure);
  }

  private Runnable beginInBackground() {
    background = true;
    return closed ? null : begin();
  }

  /** Begins a fetch. Returns what is to be done without the lock. */
  private Runnable begin() {
    retry.cancel();
    Fetch next = new Fetch();
    fetch = next;
    return () -> join(next);
  }

  /** Sends it when the watch is open, so that nothing is missed between the two. */
  private void join(Fetch next) {
    SharedWatch watch = core.joinWatch(application, this);
    boolean over;
    synchronized (lock) {
      over = closed;
    }
    if (over) {
      core.leaveWatch(application, this);
    } else {
      watch.opened().thenRun(() -> send(next));
    }
  }

  private void send(Fetch now) {
    GetTokenRequest request;
    Duration timeout;
    synchronized (lock) {
      if (now != fetch) {
        return;
      }
      now.sent = true;
      now.ends = ends;
      now.minGeneration = wanted;
      now.rejected = held == null || held.token().generation() <= rejected ? rejected : 0;
      request = now.request(connection, options);
      timeout = waiters.longest(core.config().timeout);
      now.deadline = timing.after(timeout);
    }
    CompletableFuture<Token> call =
        calls.tryOnce(
            TokenServiceGrpc.getGetTokenMethod(),
            request,
            timeout,
            answer -> Token.of(answer.getToken()));
    boolean over;
    synchronized (lock) {
      now.call = call;
      over = now != fetch;
    }
    if (over) {
      call.cancel(true);
    }
    call.whenComplete((token, error) -> done(now, token, error));
  }

  private void done(Fetch now, Token token, Throwable error) {
    Runnable then;
    synchronized (lock) {
      if (now != fetch) {
        return;
      }
      fetch = null;
      then = error == null ? answered(now, token) : failed(now, Failure.in(error));
    }
    run(then);
  }

  private Runnable answered(Fetch now, Token token) {
    if (held != null && token.generation() < held.token().generation()) {
      // Of a replica that lags behind: the next try may find another.
      return unavailable(
          Failure.of(Status.Code.UNAVAILABLE, "the answer is of an older generation"));
    }
    if (now.ends != ends || now.knewNot(rejected, token)) {
      return waiters.isEmpty() && !background ? null : begin();
    }
    long millis = timing.millis();
    boolean same = held != null && held.token().generation() == token.generation();
    Held fresh = Held.of(token, millis);
    if (fresh.replaces(held)) {
      held = token.generation() <= rejected ? fresh.rejected() : fresh;
    }
    recent.forget();
    background = false;
    backoff.reset();
    keepFresh(same);
    boolean more = again || wanted > Math.max(token.generation(), now.minGeneration);
    again = false;
    Runnable begin = more ? beginInBackground() : null;
    List<Waiter> served = waiters.take();
    return () -> {
      Waiters.serve(served, token);
      run(begin);
    };
  }

  private Runnable failed(Fetch now, Failure failure) {
    if (failure.is(Status.Code.UNAVAILABLE)) {
      return unavailable(failure);
    }
    if (Calls.isDeadline(failure) && timing.reached(now.deadline) && waiters.hasPatient()) {
      return begin();
    }
    if (failure.is(Status.Code.FAILED_PRECONDITION) || failure.is(Status.Code.NOT_FOUND)) {
      recent.remember(failure);
    }
    background = false;
    again = false;
    keepFresh(true);
    List<Waiter> left = waiters.take();
    return () -> Waiters.fail(left, failure);
  }

  private Runnable unavailable(Failure failure) {
    Duration delay = failure.waitOr(backoff);
    Failure told = failure.withRetryDelay(delay);
    Held now = held;
    boolean alive = now != null && now.isAlive(timing.millis());
    List<Waiter> over = alive ? waiters.take() : waiters.takeThoseBefore(delay, told);
    if (background || !waiters.isEmpty()) {
      retry.set(delay, this::retry);
    }
    return () -> {
      if (alive) {
        Waiters.serve(over, now.token());
      } else {
        Waiters.fail(over, told);
      }
    };
  }

  private void retry() {
    Runnable begin = null;
    synchronized (lock) {
      if (!closed && fetch == null && (background || !waiters.isEmpty())) {
        begin = begin();
      }
    }
    run(begin);
  }

  /** Sets the timer for a background fetch of a newer token. */
  private void keepFresh(boolean asked) {
    refresh.cancel();
    Duration delay =
        held == null ? null : held.untilRefresh(timing.millis(), asked, timing.random());
    if (delay != null) {
      refresh.set(delay, this::refresh);
    }
  }

  private void refresh() {
    Runnable begin = null;
    synchronized (lock) {
      if (closed || held == null) {
        return;
      }
      background = true;
      if (fetch == null && !retry.isSet()) {
        begin = begin();
      }
    }
    run(begin);
  }

  private static void run(Runnable task) {
    if (task != null) {
      task.run();
    }
  }
}
