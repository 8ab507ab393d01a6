package dev.valetkey.conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.valetkey.ConfigException;
import dev.valetkey.ValetKeyException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Does what the conformance suite says, line by line: see tests/conformance/README.md. Each request
 * has a thread, which is interrupted to cancel it; but what takes no time is done at once, so that
 * the next line finds it done.
 */
public final class Driver {
  private final PrintStream out;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<Long, Thread> running = new ConcurrentHashMap<>();
  private final Operations operations = new Operations();

  private Driver(PrintStream out) {
    this.out = out;
  }

  /**
   * Until the end of the input.
   *
   * @param arguments none
   * @throws IOException if the input cannot be read
   * @throws InterruptedException never
   */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    PrintStream out = System.out;
    // Whatever else is printed is not an answer.
    System.setOut(System.err);
    WarmUp.run();
    Driver driver = new Driver(out);
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        driver.accept(JsonParser.parseString(line).getAsJsonObject());
      }
    }
    driver.operations.close();
    driver.threads.shutdownNow();
  }

  private void accept(JsonObject request) {
    long id = request.get("id").getAsLong();
    String op = request.get("op").getAsString();
    if (op.equals("cancel")) {
      Thread thread = running.get(request.get("request").getAsLong());
      if (thread != null) {
        thread.interrupt();
      }
      answer(id, "result", new JsonObject());
    } else if (Operations.isQuick(op)) {
      run(id, op, request);
    } else {
      threads.execute(() -> runCancellable(id, op, request));
    }
  }

  private void runCancellable(long id, String op, JsonObject request) {
    running.put(id, Thread.currentThread());
    try {
      run(id, op, request);
    } finally {
      running.remove(id);
      // A cancellation that came too late is not the next request's.
      Thread.interrupted();
    }
  }

  private void run(long id, String op, JsonObject request) {
    try {
      answer(id, "result", operations.run(op, id, request));
    } catch (ValetKeyException e) {
      operations.failed(id, e);
      answer(id, "error", Json.error(e));
    } catch (ConfigException e) {
      answer(id, "error", Json.error("Config", "", e.getMessage()));
    } catch (InterruptedException e) {
      answer(id, "error", Json.error("Error", "CANCELLED", "cancelled"));
    } catch (Exception e) {
      e.printStackTrace();
      answer(id, "error", Json.error("Driver", "", e.toString()));
    }
  }

  private void answer(long id, String kind, JsonObject content) {
    JsonObject answer = new JsonObject();
    answer.addProperty("id", id);
    answer.add(kind, content);
    synchronized (out) {
      out.println(Json.text(answer));
      out.flush();
    }
  }
}
