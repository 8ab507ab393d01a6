package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.CreateKeyRequest;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;

/** Canaries in every flow, searched for in all that is printed. */
class SecretsTest {
  private static final String KEY = "vk_canary-key";
  private static final String TOKEN = "canary-token";

  private static void assertHidden(String text) {
    assertFalse(text.contains("canary"), text);
    assertFalse(text.contains("vk_fake"), text);
  }

  private static String trace(Throwable error) {
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text));
    return text.toString();
  }

  @Test
  void areInNoTextAndNoLog() {
    List<String> log = new ArrayList<>();
    Handler handler =
        new Handler() {
          private final SimpleFormatter formatter = new SimpleFormatter();

          @Override
          public synchronized void publish(LogRecord entry) {
            log.add(formatter.format(entry));
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    // gRPC's record of all frames is the one thing that must not be switched on.
    Logger root = Logger.getLogger("");
    Logger ours = Logger.getLogger("dev.valetkey");
    handler.setLevel(Level.ALL);
    root.addHandler(handler);
    ours.setLevel(Level.ALL);
    try (FakeValetKey fake = FakeValetKey.builder().apiKey(KEY).start();
        ValetKeyClient client = fake.client()) {
      fake.setToken("c-7", TOKEN, Duration.ofHours(1));
      TokenSource source = client.tokenSource("c-7");
      Token token = source.token();
      assertEquals(TOKEN, token.accessToken());
      assertEquals("Bearer " + TOKEN, token.authorization());
      NewKey key = client.applications().createKey(CreateKeyRequest.getDefaultInstance());
      assertTrue(key.secret().startsWith("vk_fake"));
      ValetKeyClientBuilder options = fake.clientBuilder();
      for (Object each : List.of(token, key, source, client, options, client.watch())) {
        assertHidden(each.toString());
      }
      fake.revoke("c-7");
      assertHidden(trace(FakeTest.failure(client.getTokenAsync("c-7"))));
      fake.stop();
      assertHidden(
          trace(FakeTest.failure(client.withTimeout(Duration.ofMillis(20)).getTokenAsync("c-7"))));
    } finally {
      root.removeHandler(handler);
      ours.setLevel(null);
    }
    log.forEach(SecretsTest::assertHidden);
  }
}
