package dev.valetkey.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.valetkey.Token;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyException;
import dev.valetkey.adapters.TokenHttpClient;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What is asked of a token source. */
final class SourceOperations {
  private SourceOperations() {}

  /** Either is null. */
  private record Outcome(Token token, ValetKeyException error) {}

  private static Token read(TokenSource source, Long timeoutMillis) {
    return timeoutMillis == null
        ? source.token()
        : source.token(java.time.Duration.ofMillis(timeoutMillis));
  }

  private static Long timeout(JsonObject request) {
    return Json.get(request, "timeout_ms").map(value -> value.getAsLong()).orElse(null);
  }

  /** Each reader is a thread. */
  static JsonObject token(TokenSource source, JsonObject request) throws InterruptedException {
    List<Outcome> outcomes = new ArrayList<>();
    Long timeout = timeout(request);
    Runnable reader =
        () -> {
          Outcome outcome;
          try {
            outcome = new Outcome(read(source, timeout), null);
          } catch (ValetKeyException e) {
            outcome = new Outcome(null, e);
          }
          synchronized (outcomes) {
            outcomes.add(outcome);
          }
        };
    List<Thread> threads = new ArrayList<>();
    for (long i = Json.number(request, "count", 1); i > 0; i--) {
      threads.add(new Thread(reader));
    }
    threads.forEach(Thread::start);
    join(threads);
    synchronized (outcomes) {
      return told(outcomes);
    }
  }

  /** An interrupt is for all of them. */
  private static void join(List<Thread> threads) throws InterruptedException {
    boolean interrupted = false;
    for (int i = 0; i < threads.size(); ) {
      try {
        threads.get(i).join();
        i++;
      } catch (InterruptedException e) {
        interrupted = true;
        threads.forEach(Thread::interrupt);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static JsonObject told(List<Outcome> outcomes) {
    List<Token> served =
        outcomes.stream().map(Outcome::token).filter(token -> token != null).toList();
    Map<String, JsonObject> errors = new LinkedHashMap<>();
    for (Outcome outcome : outcomes) {
      if (outcome.error != null) {
        JsonObject error = Json.error(outcome.error);
        errors.putIfAbsent(error.get("kind") + " " + error.get("code"), error);
      }
    }
    JsonArray kinds = new JsonArray();
    errors.values().forEach(kinds::add);
    JsonObject result = new JsonObject();
    result.addProperty("served", served.size());
    result.addProperty("failed", outcomes.size() - served.size());
    result.addProperty(
        "distinct", served.stream().map(Token::accessToken).collect(Collectors.toSet()).size());
    result.add("token", served.isEmpty() ? null : Json.token(served.get(0)));
    result.add("errors", kinds);
    return result;
  }

  /** One after the other, by this thread. */
  static JsonObject read(TokenSource source, JsonObject request) {
    Long timeout = timeout(request);
    long failed = 0;
    long first = 0;
    long last = 0;
    boolean wentBack = false;
    long start = System.nanoTime();
    for (long i = Json.number(request, "count", 1); i > 0; i--) {
      try {
        long generation = read(source, timeout).generation();
        wentBack |= generation < last;
        first = first == 0 ? generation : first;
        last = generation;
      } catch (ValetKeyException e) {
        failed++;
      }
    }
    JsonObject result = new JsonObject();
    result.addProperty("elapsed_ns", System.nanoTime() - start);
    result.addProperty("failed", failed);
    result.addProperty("went_back", wentBack);
    result.addProperty("first", first);
    result.addProperty("last", last);
    return result;
  }

  static JsonObject request(TokenSource source, JsonObject request)
      throws IOException, InterruptedException {
    HttpClient client = TokenHttpClient.of(HttpClient.newHttpClient(), source, Redirect.NORMAL);
    String method = Json.get(request, "method").map(value -> value.getAsString()).orElse("GET");
    HttpRequest.Builder sent =
        HttpRequest.newBuilder(URI.create(Json.string(request, "url")))
            .method(method, body(request));
    Json.millis(request, "timeout_ms").ifPresent(sent::timeout);
    HttpResponse<String> response = client.send(sent.build(), BodyHandlers.ofString());
    JsonObject result = new JsonObject();
    result.addProperty("status", response.statusCode());
    result.addProperty("body", response.body());
    return result;
  }

  private static BodyPublisher body(JsonObject request) {
    if (Json.get(request, "body").isEmpty()) {
      return BodyPublishers.noBody();
    }
    String text = Json.string(request, "body");
    if (Json.bool(request, "repeatable", true)) {
      return BodyPublishers.ofString(text);
    }
    InputStream once = new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    return BodyPublishers.ofInputStream(() -> once);
  }
}
