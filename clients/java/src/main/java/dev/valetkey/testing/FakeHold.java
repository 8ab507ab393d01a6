package dev.valetkey.testing;

import java.util.ArrayList;
import java.util.List;

/** Calls that wait until they are let go, by {@link FakeValetKey#hold}. Thread-safe. */
public final class FakeHold implements AutoCloseable {
  private final List<Runnable> waiting = new ArrayList<>();
  private boolean open;

  FakeHold() {}

  /**
   * How many calls wait.
   *
   * @return none once they were let go
   */
  public synchronized int waiting() {
    return waiting.size();
  }

  /** Lets them go on, and later ones too. */
  @Override
  public void close() {
    List<Runnable> released;
    synchronized (this) {
      open = true;
      released = List.copyOf(waiting);
      waiting.clear();
    }
    released.forEach(Runnable::run);
  }

  /** Whether the call waits. */
  synchronized boolean keep(Runnable call) {
    if (!open) {
      waiting.add(call);
    }
    return !open;
  }
}
