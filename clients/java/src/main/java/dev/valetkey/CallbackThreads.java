package dev.valetkey;

import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads that run what follows an answer, users' continuations among it. There are as many as are
 * needed, so that one that blocks keeps up nobody; idle ones end. Thread-safe.
 */
final class CallbackThreads {
  private final ThreadLocal<Boolean> ours = ThreadLocal.withInitial(() -> false);
  private final ThreadPoolExecutor pool;
  private volatile Runnable afterwards = () -> {};

  CallbackThreads(ThreadFactory threads) {
    pool =
        new ThreadPoolExecutor(
            0,
            Integer.MAX_VALUE,
            10,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            task -> threads.newThread(() -> run(task)),
            // What comes after the end is of a client whose futures have failed already.
            new ThreadPoolExecutor.DiscardPolicy()) {
          @Override
          protected void terminated() {
            afterwards.run();
          }
        };
  }

  private void run(Runnable worker) {
    ours.set(true);
    worker.run();
  }

  Executor executor() {
    return pool;
  }

  /**
   * Takes no more tasks, and runs one more thing when the last has ended. Waits for that a moment,
   * unless it is called by one of them.
   */
  void close(Runnable last) {
    afterwards = last;
    pool.shutdown();
    if (ours.get()) {
      return;
    }
    try {
      pool.awaitTermination(2, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
