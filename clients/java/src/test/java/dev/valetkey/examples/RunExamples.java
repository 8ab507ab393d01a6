package dev.valetkey.examples;

import dev.valetkey.testing.FakeValetKey;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Runs the examples against a fake: each as a process, as a person would. */
public final class RunExamples {
  private RunExamples() {}

  /**
   * Fails by an exception.
   *
   * @param arguments none
   * @throws IOException if one does not do what it says
   * @throws InterruptedException never
   */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    try (FakeValetKey fake = FakeValetKey.start()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1), "pins:read");
      getToken(fake);
      watch(fake);
      connect(fake);
    }
    System.out.println("get_token, watch and connect work");
  }

  private static void getToken(FakeValetKey fake) throws IOException, InterruptedException {
    try (Example example = new Example(fake, "GetToken", "c-7")) {
      expect(example.line(), "generation 1 of applications/shop/connections/c-7");
      expect(example.line(), "scopes: pins:read");
      expect(example.line().substring(0, 8), "expires:");
      expect(String.valueOf(example.process.waitFor()), "0");
    }
    fake.requireReauthorization("c-7");
    try (Example example = new Example(fake, "GetToken", "c-7")) {
      expect(example.line(), "ann must connect again: applications/shop/providers/pinterest");
    }
  }

  private static void watch(FakeValetKey fake) throws IOException {
    try (Example example = new Example(fake, "Watch")) {
      expect(example.line().substring(0, 6), "up to ");
      fake.setToken("c-9", "secret", null);
      expect(example.line(), "EVENT_TYPE_CONNECTED applications/shop/connections/c-9 1");
    }
  }

  private static void connect(FakeValetKey fake) throws IOException, InterruptedException {
    HttpClient http = HttpClient.newHttpClient();
    try (Example example = new Example(fake, "Connect", "pinterest", "0")) {
      URI page = URI.create(example.line());
      HttpResponse<String> sent =
          http.send(HttpRequest.newBuilder(page).build(), BodyHandlers.ofString());
      expect(String.valueOf(sent.statusCode()), "303");
      String cookie = sent.headers().firstValue("Set-Cookie").orElseThrow().split(";", 2)[0];
      URI callback = page.resolve("/callback?code=any&" + cookie);
      expect(
          http.send(HttpRequest.newBuilder(callback).build(), BodyHandlers.ofString()).body(),
          "This was not begun in this browser.");
      HttpRequest back = HttpRequest.newBuilder(callback).header("Cookie", cookie).build();
      expect(
          http.send(back, BodyHandlers.ofString()).body(),
          "Connected: applications/shop/connections/c-1");
    }
  }

  private static void expect(String actual, String expected) throws IOException {
    if (!expected.equals(actual)) {
      throw new IOException("expected \"" + expected + "\", not \"" + actual + "\"");
    }
  }

  private static final class Example implements AutoCloseable {
    final Process process;
    private final BufferedReader out;

    Example(FakeValetKey fake, String name, String... arguments) throws IOException {
      List<String> command =
          new ArrayList<>(
              List.of(
                  System.getProperty("java.home") + "/bin/java",
                  "-cp",
                  System.getProperty("java.class.path"),
                  "examples." + name));
      command.addAll(List.of(arguments));
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().put("VALETKEY_ADDRESS", fake.address());
      builder.environment().put("VALETKEY_APPLICATION", "shop");
      process = builder.start();
      out = process.inputReader();
    }

    /** Empty at the end. */
    String line() throws IOException {
      String line = out.readLine();
      return line == null ? "" : line;
    }

    @Override
    public void close() {
      process.destroy();
    }
  }
}
