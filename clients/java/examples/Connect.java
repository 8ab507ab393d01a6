package examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.valetkey.ConsentDeniedException;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.ValetKeyException;
import dev.valetkey.v1.AuthorizeRequest;
import dev.valetkey.v1.AuthorizeResponse;
import dev.valetkey.v1.ExchangeRequest;
import dev.valetkey.v1.ExchangeResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * A page that connects a person's account. The arguments are the provider, such as pinterest, and
 * the port; the provider's redirect URI is then http://localhost:PORT/callback.
 */
public final class Connect {
  private final ValetKeyClient client;
  private final String provider;

  private Connect(ValetKeyClient client, String provider) {
    this.client = client;
    this.provider = provider;
  }

  public static void main(String[] arguments) throws IOException {
    Connect connect = new Connect(ValetKeyClient.create(), arguments[0]);
    int port = Integer.parseInt(arguments[1]);
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.createContext("/", connect::begin);
    server.createContext("/callback", connect::finish);
    server.start();
    System.out.println("http://localhost:" + server.getAddress().getPort() + "/");
  }

  /** Sends the person to the provider. Who that is, your own sign-in knows. */
  private void begin(HttpExchange exchange) throws IOException {
    AuthorizeRequest request =
        AuthorizeRequest.newBuilder().setProvider(provider).setSubject("ann").build();
    try {
      AuthorizeResponse begun = client.authorize(request);
      // The cookie ties the state to this browser: another's callback is not taken.
      exchange
          .getResponseHeaders()
          .add("Set-Cookie", "state=" + begun.getState() + "; HttpOnly; SameSite=Lax");
      exchange.getResponseHeaders().add("Location", begun.getAuthorizationUri());
      answer(exchange, 303, "");
    } catch (ValetKeyException e) {
      answer(exchange, 502, "ValetKey says: " + e.getMessage());
    }
  }

  /** The person comes back. */
  private void finish(HttpExchange exchange) throws IOException {
    Map<String, String> query = query(exchange);
    String state = query.getOrDefault("state", "");
    String cookie = exchange.getRequestHeaders().getFirst("Cookie");
    if (cookie == null || !cookie.contains("state=" + state) || state.isEmpty()) {
      answer(exchange, 400, "This was not begun in this browser.");
      return;
    }
    ExchangeRequest request =
        ExchangeRequest.newBuilder()
            .setState(state)
            .setCode(query.getOrDefault("code", ""))
            .setError(query.getOrDefault("error", ""))
            .setIssuer(query.getOrDefault("iss", ""))
            .build();
    try {
      ExchangeResponse done = client.exchange(request);
      answer(exchange, 200, "Connected: " + done.getConnection());
    } catch (ConsentDeniedException e) {
      answer(exchange, 200, "Not connected: you declined.");
    } catch (ValetKeyException e) {
      answer(exchange, 502, "ValetKey says: " + e.getMessage());
    }
  }

  private static Map<String, String> query(HttpExchange exchange) {
    Map<String, String> values = new HashMap<>();
    String query = exchange.getRequestURI().getRawQuery();
    for (String pair : (query == null ? "" : query).split("&", -1)) {
      String[] parts = pair.split("=", 2);
      String value = parts.length == 2 ? parts[1] : "";
      values.put(parts[0], URLDecoder.decode(value, StandardCharsets.UTF_8));
    }
    return values;
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    try (exchange) {
      exchange.getResponseHeaders().add("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
