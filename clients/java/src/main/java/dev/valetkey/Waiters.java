package dev.valetkey;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * The readers that wait for a token, each until its deadline. Guarded by the keeper's lock, without
 * which futures are completed: users' code follows.
 */
final class Waiters {
  private final Timing timing;
  private final Object lock;
  private final Set<Waiter> all = new LinkedHashSet<>();

  Waiters(Timing timing, Object lock) {
    this.timing = timing;
    this.lock = lock;
  }

  /** Its future is the reader's. */
  Waiter add(Duration timeout) {
    Waiter waiter = new Waiter(timing.after(timeout));
    all.add(waiter);
    waiter.timer = timing.schedule(timeout, () -> giveUp(waiter));
    return waiter;
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  int size() {
    return all.size();
  }

  /** All of them, to be told without the lock. */
  List<Waiter> take() {
    List<Waiter> taken = List.copyOf(all);
    all.clear();
    return taken;
  }

  /** A try has failed, and the next is after a wait: those whose deadline comes before. */
  List<Waiter> takeThoseBefore(Duration delay, Failure unavailable) {
    List<Waiter> late = new ArrayList<>();
    for (Waiter waiter : all) {
      waiter.unavailable = unavailable;
      if (timing.until(waiter.deadline).compareTo(delay) <= 0) {
        late.add(waiter);
      }
    }
    late.forEach(all::remove);
    return late;
  }

  /** How long the most patient one waits; the given time if that is longer. */
  Duration longest(Duration atLeast) {
    Duration longest = atLeast;
    for (Waiter waiter : all) {
      Duration left = timing.until(waiter.deadline);
      longest = left.compareTo(longest) > 0 ? left : longest;
    }
    return longest;
  }

  boolean hasPatient() {
    return all.stream().anyMatch(waiter -> !timing.reached(waiter.deadline));
  }

  /** Whatever ended it. Takes the lock itself. */
  void forget(Waiter waiter) {
    synchronized (lock) {
      all.remove(waiter);
      waiter.timer.cancel();
    }
  }

  private void giveUp(Waiter waiter) {
    synchronized (lock) {
      if (!all.remove(waiter)) {
        return;
      }
    }
    waiter.fail(Failure.deadlineExceeded());
  }

  /** Not with the lock held. */
  static void serve(List<Waiter> taken, Token token) {
    taken.forEach(waiter -> waiter.future.complete(token));
  }

  /** Not with the lock held. */
  static void fail(List<Waiter> taken, Failure failure) {
    taken.forEach(waiter -> waiter.fail(failure));
  }

  /** One of them. */
  static final class Waiter {
    private final long deadline;
    private final CompletableFuture<Token> future = new CompletableFuture<>();
    private Timing.Timer timer;

    /** What a try ended with while this one waited; null if none has. */
    private volatile Failure unavailable;

    private Waiter(long deadline) {
      this.deadline = deadline;
    }

    CompletableFuture<Token> future() {
      return future;
    }

    /** An earlier UNAVAILABLE tells more than that the deadline has passed. */
    private void fail(Failure failure) {
      boolean late = Calls.isDeadline(failure) && unavailable != null;
      future.completeExceptionally((late ? unavailable : failure).toException());
    }
  }
}
