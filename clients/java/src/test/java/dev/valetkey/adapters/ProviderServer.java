package dev.valetkey.adapters;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A provider's API. {@code /to?status=307&url=...} redirects, {@code /loop} to itself; whatever
 * else there is wants the good token and echoes the body.
 */
final class ProviderServer implements AutoCloseable {
  final List<Seen> seen = new CopyOnWriteArrayList<>();

  /** Null: anything is good. */
  volatile String goodToken;

  private final HttpServer server;

  /** A request; the authorization is empty if there was none. */
  record Seen(String method, String path, String authorization, String body) {}

  ProviderServer(String goodToken) throws IOException {
    this.goodToken = goodToken;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::handle);
    server.start();
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
  }

  URI redirect(int status, URI target) {
    return uri("/to?status=" + status + "&url=" + target);
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String given = exchange.getRequestHeaders().getFirst("Authorization");
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      URI uri = exchange.getRequestURI();
      seen.add(
          new Seen(exchange.getRequestMethod(), uri.getPath(), given == null ? "" : given, body));
      int status = 200;
      if (uri.getPath().equals("/loop")) {
        status = 302;
        exchange.getResponseHeaders().set("Location", "/loop");
      } else if (uri.getPath().equals("/to")) {
        String query = uri.getQuery();
        status = Integer.parseInt(query.substring("status=".length(), query.indexOf('&')));
        exchange.getResponseHeaders().set("Location", query.substring(query.indexOf("url=") + 4));
      } else if (goodToken != null && !("Bearer " + goodToken).equals(given)) {
        status = 401;
      }
      byte[] answer = (status + " " + body).getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, answer.length);
      exchange.getResponseBody().write(answer);
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
