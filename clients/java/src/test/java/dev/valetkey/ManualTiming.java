package dev.valetkey;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Time that stands still until a test moves it. Chance is such that waits are as long as the tables
 * say. Tasks run on the thread that moves the time.
 */
final class ManualTiming implements Timing {
  private static final long START_MS = 1_800_000_000_000L;

  private final List<Task> tasks = new ArrayList<>();
  private long nanos = 1_000_000_000L;
  private double random = 0.5;

  @Override
  public synchronized long millis() {
    return START_MS + nanos / 1_000_000;
  }

  @Override
  public synchronized long nanos() {
    return nanos;
  }

  @Override
  public synchronized double random() {
    return random;
  }

  synchronized void setRandom(double value) {
    random = value;
  }

  @Override
  public synchronized Timer schedule(Duration delay, Runnable work) {
    Task task = new Task(nanos + Math.max(0, delay.toNanos()), work);
    tasks.add(task);
    return () -> remove(task);
  }

  private synchronized void remove(Task task) {
    tasks.remove(task);
  }

  void advance(Duration by) {
    long target;
    synchronized (this) {
      target = nanos + by.toNanos();
    }
    for (Task next = takeDue(target); next != null; next = takeDue(target)) {
      next.work.run();
    }
    synchronized (this) {
      nanos = target;
    }
  }

  private synchronized Task takeDue(long target) {
    Task next = tasks.stream().min(Comparator.comparingLong(Task::at)).orElse(null);
    if (next == null || next.at > target) {
      return null;
    }
    tasks.remove(next);
    nanos = Math.max(nanos, next.at);
    return next;
  }

  /** Whether a task is to run in exactly so long. */
  synchronized boolean hasTimer(Duration in) {
    return tasks.stream().anyMatch(task -> task.at == nanos + in.toNanos());
  }

  synchronized int timers() {
    return tasks.size();
  }

  /** The same time, for the fake. */
  Clock clock() {
    return new Clock() {
      @Override
      public Instant instant() {
        return Instant.ofEpochMilli(ManualTiming.this.millis());
      }

      @Override
      public ZoneId getZone() {
        return ZoneOffset.UTC;
      }

      @Override
      public Clock withZone(ZoneId zone) {
        return this;
      }
    };
  }

  private record Task(long at, Runnable work) {}
}
