package dev.valetkey.conformance;

import com.sun.net.httpserver.HttpServer;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.Watch;
import dev.valetkey.adapters.TokenHttpClient;
import dev.valetkey.testing.FakeValetKey;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/**
 * Does once what scenarios do. A JVM's first call takes a second or more to load what it needs; the
 * scenarios are about the library, not about that.
 */
final class WarmUp {
  private WarmUp() {}

  static void run() throws IOException, InterruptedException {
    HttpServer api =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    api.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(204, -1);
          exchange.close();
        });
    api.start();
    try (FakeValetKey fake = FakeValetKey.start();
        ValetKeyClient client = fake.client()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      client.getToken("c-7");
      TokenSource source = client.tokenSource("c-7");
      source.token();
      try (Watch watch = client.watch()) {
        watch.next();
      }
      URI uri = URI.create("http://127.0.0.1:" + api.getAddress().getPort() + "/");
      TokenHttpClient.of(HttpClient.newHttpClient(), source)
          .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.discarding());
      client.connections().get("c-7");
    } finally {
      api.stop(0);
    }
  }
}
