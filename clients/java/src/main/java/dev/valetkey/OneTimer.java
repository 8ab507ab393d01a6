package dev.valetkey;

import java.time.Duration;

/** A timer that is set or not. Guarded by its owner's lock, without which its task runs. */
final class OneTimer {
  private final Timing timing;
  private final Object lock;
  private Timing.Timer timer;

  /**
   * Tells a task that is about to run, and was cancelled all the same, from the one that is set.
   */
  private int settings;

  OneTimer(Timing timing, Object lock) {
    this.timing = timing;
    this.lock = lock;
  }

  boolean isSet() {
    return timer != null;
  }

  /** In place of what it was set for before. */
  void set(Duration delay, Runnable task) {
    cancel();
    int setting = settings;
    timer = timing.schedule(delay, () -> run(setting, task));
  }

  void cancel() {
    settings++;
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
  }

  private void run(int setting, Runnable task) {
    synchronized (lock) {
      if (setting != settings) {
        return;
      }
      timer = null;
    }
    task.run();
  }
}
