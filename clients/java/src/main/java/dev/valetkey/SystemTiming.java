package dev.valetkey;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** The machine's own. One thread keeps the timers and hands their tasks to the executor. */
final class SystemTiming implements Timing {
  private final ScheduledThreadPoolExecutor timers;
  private final Executor executor;

  SystemTiming(ThreadFactory threads, Executor executor) {
    this.timers = new ScheduledThreadPoolExecutor(1, threads);
    this.executor = executor;
    timers.setRemoveOnCancelPolicy(true);
  }

  @Override
  public long millis() {
    return System.currentTimeMillis();
  }

  @Override
  public long nanos() {
    return System.nanoTime();
  }

  @Override
  public double random() {
    return ThreadLocalRandom.current().nextDouble();
  }

  @Override
  public Timer schedule(Duration delay, Runnable task) {
    try {
      Future<?> future =
          timers.schedule(
              () -> executor.execute(task), Math.max(0, delay.toMillis()), TimeUnit.MILLISECONDS);
      return () -> future.cancel(false);
    } catch (RejectedExecutionException closed) {
      return () -> {};
    }
  }

  void close() {
    timers.shutdownNow();
  }
}
