package dev.valetkey.testing;

import com.google.protobuf.Message;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.ValetKeyClientBuilder;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.Token;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * A ValetKey in this process, on a loopback port, for tests.
 *
 * <pre>{@code
 * try (FakeValetKey fake = FakeValetKey.start();
 *     ValetKeyClient client = fake.client()) {
 *   fake.setToken("c-7", "secret", Duration.ofHours(1), "pins:read");
 *   client.tokenSource("c-7").token();
 * }
 * }</pre>
 *
 * <p>Names may be short. Any code is good for Exchange; a token that has expired, was rejected or
 * is to be refreshed has a successor that lives for an hour. Thread-safe.
 */
public final class FakeValetKey implements AutoCloseable {
  private final String application;
  private final String apiKey;
  private final FakeState state;
  private final FakeScript script;
  private final FakeServer server;

  FakeValetKey(FakeValetKeyBuilder options) {
    application = options.application;
    apiKey = options.apiKey;
    state = new FakeState(options.clock);
    script = new FakeScript(apiKey);
    server =
        new FakeServer(
            options.credentials,
            List.of(
                new FakeTokens(state),
                state.events(),
                new FakeConnections(state),
                new FakeProviders(),
                new FakeApplications(state, application)),
            script);
    server.start();
  }

  /**
   * Starts one for the application {@code shop}, which asks for no API key.
   *
   * @return a fake, to be closed
   */
  public static FakeValetKey start() {
    return builder().start();
  }

  /**
   * Starts one with options.
   *
   * @return a builder
   */
  public static FakeValetKeyBuilder builder() {
    return new FakeValetKeyBuilder();
  }

  /**
   * Where it listens, as {@code VALETKEY_ADDRESS} has it.
   *
   * @return a loopback host and a port
   */
  public synchronized String address() {
    return server.target();
  }

  /**
   * Options of a client of this fake, to add to.
   *
   * @return with address, application and API key set
   */
  public ValetKeyClientBuilder clientBuilder() {
    return ValetKeyClient.builder().address(address()).application(application).apiKey(apiKey);
  }

  /**
   * A client of this fake.
   *
   * @return to be closed
   */
  public ValetKeyClient client() {
    return clientBuilder().build();
  }

  /**
   * Gives a connection the next generation of its token. Makes the connection if there is none.
   * Watchers see CONNECTED, REFRESHED, or REAUTHORIZED after an end.
   *
   * @param connection its name
   * @param accessToken the secret
   * @param expiresIn from now; null: it does not expire
   * @param scopes that are granted
   * @return the generation
   */
  public long setToken(
      String connection, String accessToken, Duration expiresIn, String... scopes) {
    return setNamedToken(connection, "", state.token(accessToken, expiresIn, List.of(scopes)));
  }

  /**
   * The same with each field of the token, but for the generation, and for one of several tokens.
   *
   * @param connection its name
   * @param tokenName such as {@code user}; empty: the main one
   * @param token as it is to be given out
   * @return the generation
   */
  public long setNamedToken(String connection, String tokenName, Token token) {
    Connection details =
        Connection.newBuilder()
            .setProvider(application + "/providers/pinterest")
            .setSubject("ann")
            .build();
    return state.put(full(connection), tokenName, token, details);
  }

  /**
   * Revokes a connection, as a call of Revoke does.
   *
   * @param connection its name
   */
  public void revoke(String connection) {
    state.revoke(full(connection));
  }

  /**
   * Ends the grant of a connection, as the provider may.
   *
   * @param connection its name
   */
  public void requireReauthorization(String connection) {
    state.requireReauthorization(full(connection));
  }

  /**
   * Makes the next calls of a method fail.
   *
   * @param method such as {@code GetToken}
   * @param reason whose code the errors have
   * @param times how many calls
   * @param retryDelay for RetryInfo; null: none
   */
  public void fail(String method, ErrorReason reason, int times, Duration retryDelay) {
    script.fail(method, FakeErrors.error(reason, Map.of(), retryDelay), times);
  }

  /**
   * Makes the next calls of a method fail as if it were not ValetKey that answered: without a
   * reason.
   *
   * @param method such as {@code GetToken}
   * @param code of the errors
   * @param times how many calls
   */
  public void fail(String method, Status.Code code, int times) {
    script.fail(method, FakeScript.plain(code), times);
  }

  /**
   * Keeps calls of a method from being answered until the hold is closed.
   *
   * @param method such as {@code GetToken}
   * @return to be closed
   */
  public FakeHold hold(String method) {
    return script.hold(method);
  }

  /**
   * How often a method was called, failed calls among them.
   *
   * @param method such as {@code GetToken}
   * @return the count
   */
  public int calls(String method) {
    return requests(method).size();
  }

  /**
   * The requests of a method.
   *
   * @param method such as {@code GetToken}
   * @return in the order in which they came
   */
  public List<Message> requests(String method) {
    return script.requests(method);
  }

  /**
   * Tells watchers an event. It changes nothing.
   *
   * @param event its connection's name may be short; time and sequence are set
   */
  public void emit(Event event) {
    state.events().emit(event.toBuilder().setConnection(full(event.getConnection())).build());
  }

  /** Ends all streams of events with WATCH_LAGGED. */
  public void lag() {
    endStreams(ErrorReason.WATCH_LAGGED);
  }

  /**
   * Ends all streams of events.
   *
   * @param reason such as SERVER_SHUTTING_DOWN
   */
  public void endStreams(ErrorReason reason) {
    state.events().end(FakeErrors.error(reason, Map.of()));
  }

  /** Forgets past events: the cursors that are out have expired. */
  public void trim() {
    state.events().trim();
  }

  /**
   * How many streams of events are open.
   *
   * @return the count
   */
  public int watchers() {
    return state.events().watchers();
  }

  /** Cuts all connections and listens no more, until it is {@link #restart}ed. */
  public synchronized void stop() {
    server.stop();
  }

  /** Listens again, at the same address and with the same state. */
  public synchronized void restart() {
    server.stop();
    server.start();
  }

  @Override
  public void close() {
    stop();
  }

  private String full(String name) {
    if (name.startsWith("applications/")) {
      return name;
    }
    int slash = name.indexOf('/');
    return slash < 0
        ? application + "/connections/" + name
        : "applications/" + name.substring(0, slash) + "/connections/" + name.substring(slash + 1);
  }
}
