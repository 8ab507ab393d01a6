package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** How the channel connects again. */
class ConnectorTest {
  /** Accepts connections and closes them, as a server that is about to come up. */
  private static final class Closing implements AutoCloseable {
    final ServerSocket socket;
    final AtomicInteger accepted = new AtomicInteger();

    Closing() throws IOException {
      socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      new Thread(this::run).start();
    }

    private void run() {
      try {
        while (true) {
          Socket connection = socket.accept();
          accepted.incrementAndGet();
          connection.close();
        }
      } catch (IOException closed) {
        // The end.
      }
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @Test
  void waitsLongerAfterEachFailure() throws IOException {
    ManualTiming timing = new ManualTiming();
    try (Closing server = new Closing();
        ValetKeyClient client =
            ValetKeyClient.builder()
                .environment(name -> null)
                .address("127.0.0.1:" + server.socket.getLocalPort())
                .application("shop")
                .timing(timing)
                .build()) {
      // Over before the first attempt is: a call that waits for it may cause another.
      FakeTest.failure(client.withTimeout(Duration.ofMillis(1)).getTokenAsync("c-7"));
      int attempts = 0;
      for (double wait = 0.2; attempts < 9; wait = Math.min(wait * 1.6, 5)) {
        attempts++;
        long nanos = (long) (wait * 1e9);
        Eventually.await("a wait of " + wait, () -> timing.hasTimer(Duration.ofNanos(nanos)));
        assertEquals(attempts, server.accepted.get());
        // Calls do not make it connect meanwhile.
        assertInstanceOf(
            UnavailableException.class,
            FakeTest.failure(client.withTimeout(Duration.ofMillis(1)).getTokenAsync("c-7")));
        assertEquals(attempts, server.accepted.get());
        timing.advance(Duration.ofNanos(nanos));
      }
    }
  }
}
