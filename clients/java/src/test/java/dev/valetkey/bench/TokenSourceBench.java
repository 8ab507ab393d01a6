package dev.valetkey.bench;

import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.testing.FakeValetKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** A million reads of a token source from memory, by one reader and by two. */
public final class TokenSourceBench {
  private static final int READS = 1_000_000;
  private static final int WARM_UPS = 5;

  private TokenSourceBench() {}

  /**
   * Prints a line of JSON for each.
   *
   * @param arguments none
   * @throws InterruptedException never
   */
  public static void main(String[] arguments) throws InterruptedException {
    try (FakeValetKey fake = FakeValetKey.start();
        ValetKeyClient client = fake.client()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      TokenSource source = client.tokenSource("c-7");
      source.token();
      for (int readers = 1; readers <= 2; readers++) {
        for (int i = 0; i < WARM_UPS; i++) {
          nanosPerRead(source, readers);
        }
        System.out.println(
            String.format(
                Locale.ROOT,
                "{\"name\": \"token_source_read\", \"language\": \"java\", \"ns_per_read\": %.1f,"
                    + " \"readers\": %d}",
                nanosPerRead(source, readers),
                readers));
      }
    }
  }

  private static double nanosPerRead(TokenSource source, int readers) throws InterruptedException {
    CountDownLatch go = new CountDownLatch(1);
    AtomicLong nanos = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < readers; i++) {
      threads.add(
          new Thread(
              () -> {
                try {
                  go.await();
                } catch (InterruptedException e) {
                  return;
                }
                nanos.addAndGet(read(source));
              }));
    }
    threads.forEach(Thread::start);
    go.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    return (double) nanos.get() / readers / READS;
  }

  /** The sum keeps the compiler from leaving the reads out. */
  private static long read(TokenSource source) {
    long sum = 0;
    long start = System.nanoTime();
    for (int i = 0; i < READS; i++) {
      sum += source.token().generation();
    }
    long elapsed = System.nanoTime() - start;
    if (sum != READS) {
      throw new IllegalStateException("another generation");
    }
    return elapsed;
  }
}
