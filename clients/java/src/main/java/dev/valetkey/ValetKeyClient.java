package dev.valetkey;

import dev.valetkey.v1.AuthorizeRequest;
import dev.valetkey.v1.AuthorizeResponse;
import dev.valetkey.v1.ExchangeRequest;
import dev.valetkey.v1.ExchangeResponse;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.RefreshRequest;
import dev.valetkey.v1.RevokeRequest;
import dev.valetkey.v1.RevokeResponse;
import dev.valetkey.v1.TokenServiceGrpc;
import dev.valetkey.v1.WatchEventsRequest;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * A client of ValetKey.
 *
 * <pre>{@code
 * try (ValetKeyClient client = ValetKeyClient.create()) {
 *   TokenSource source = client.tokenSource("c-7");
 *   Token token = source.token();
 * }
 * }</pre>
 *
 * <p>It holds one connection and a few threads: make one and keep it. It connects when it is first
 * used, and again when the connection is lost.
 *
 * <p>Each call blocks until its answer, at most for the client's timeout, with retries where they
 * are harmless; or fails with a {@link ValetKeyException}. The calls named {@code ...Async} do not
 * block: their futures fail with the same exceptions, and to cancel one cancels the call. Names may
 * be short, {@code c-7} or {@code shop/c-7}; what they lack comes from the client's application,
 * and a {@link ConfigException} tells if there is none.
 *
 * <p>Thread-safe.
 */
public final class ValetKeyClient implements AutoCloseable {
  private final Core core;
  private final Caller caller;

  ValetKeyClient(Core core, Duration timeout) {
    this.core = core;
    this.caller = new Caller(core, timeout);
  }

  /**
   * A client with the environment's options.
   *
   * @return a client, to be closed
   * @throws ConfigException if they cannot be
   */
  public static ValetKeyClient create() {
    return builder().build();
  }

  /**
   * A client with options in code.
   *
   * @return a builder
   */
  public static ValetKeyClientBuilder builder() {
    return new ValetKeyClientBuilder();
  }

  /**
   * This client with another timeout: how long a call may take with its retries and the waits in
   * between. Both have the same connection, and to close one closes the other.
   *
   * @param timeout more than zero
   * @return a view of this client
   */
  public ValetKeyClient withTimeout(Duration timeout) {
    return new ValetKeyClient(core, Checks.positive(timeout));
  }

  /**
   * Begins consent: where to send the person.
   *
   * @param request the provider, and the subject or the connection
   * @return the authorization URI, and the state that comes back
   */
  public AuthorizeResponse authorize(AuthorizeRequest request) {
    return Calls.await(authorizeAsync(request));
  }

  /**
   * As {@link #authorize}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<AuthorizeResponse> authorizeAsync(AuthorizeRequest request) {
    AuthorizeRequest full =
        request.toBuilder()
            .setProvider(core.names().provider(request.getProvider()))
            .setConnection(core.names().connection(request.getConnection()))
            .build();
    return caller.start(TokenServiceGrpc.getAuthorizeMethod(), full);
  }

  /**
   * Finishes consent where the redirect URI is your own. To repeat it with the same state and code
   * is harmless.
   *
   * @param request what the redirect's query holds
   * @return the connection
   */
  public ExchangeResponse exchange(ExchangeRequest request) {
    return Calls.await(exchangeAsync(request));
  }

  /**
   * As {@link #exchange}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<ExchangeResponse> exchangeAsync(ExchangeRequest request) {
    return caller.start(TokenServiceGrpc.getExchangeMethod(), request);
  }

  /**
   * A valid token, from ValetKey. To have one for each request, use {@link #tokenSource}.
   *
   * @param connection its name
   * @return the token
   */
  public Token getToken(String connection) {
    return Calls.await(getTokenAsync(connection));
  }

  /**
   * The same with conditions.
   *
   * @param request with the connection's name
   * @return the token
   */
  public Token getToken(GetTokenRequest request) {
    return Calls.await(getTokenAsync(request));
  }

  /**
   * As {@link #getToken(String)}.
   *
   * @param connection as there
   * @return as there
   */
  public CompletableFuture<Token> getTokenAsync(String connection) {
    return getTokenAsync(GetTokenRequest.newBuilder().setName(connection).build());
  }

  /**
   * As {@link #getToken(GetTokenRequest)}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<Token> getTokenAsync(GetTokenRequest request) {
    GetTokenRequest full =
        request.toBuilder().setName(core.names().connection(request.getName())).build();
    return caller.start(
        TokenServiceGrpc.getGetTokenMethod(), full, answer -> Token.of(answer.getToken()));
  }

  /**
   * A new token from the provider, now.
   *
   * @param request with the connection's name. With the generation that is held, a newer one is
   *     returned as it is, and the call is repeated where ValetKey is away; without, it is not
   * @return the token
   */
  public Token refresh(RefreshRequest request) {
    return Calls.await(refreshAsync(request));
  }

  /**
   * As {@link #refresh}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<Token> refreshAsync(RefreshRequest request) {
    RefreshRequest full =
        request.toBuilder().setName(core.names().connection(request.getName())).build();
    return caller.start(
        TokenServiceGrpc.getRefreshMethod(), full, answer -> Token.of(answer.getToken()));
  }

  /**
   * Ends a grant. To repeat it is harmless.
   *
   * @param connection its name
   * @return what became of each token
   */
  public RevokeResponse revoke(String connection) {
    return Calls.await(revokeAsync(connection));
  }

  /**
   * As {@link #revoke}.
   *
   * @param connection as there
   * @return as there
   */
  public CompletableFuture<RevokeResponse> revokeAsync(String connection) {
    RevokeRequest request =
        RevokeRequest.newBuilder().setName(core.names().connection(connection)).build();
    return caller.start(TokenServiceGrpc.getRevokeMethod(), request);
  }

  /**
   * A source of a connection's token. Calls nothing yet.
   *
   * @param connection its name
   * @return a source, which closes with the client if not before
   */
  public TokenSource tokenSource(String connection) {
    return tokenSource(connection, SourceOptions.DEFAULT);
  }

  /**
   * The same with options. The client's timeout is that of reading.
   *
   * @param connection its name
   * @param options which token
   * @return a source, which closes with the client if not before
   */
  public TokenSource tokenSource(String connection, SourceOptions options) {
    String name = core.names().connection(connection);
    if (name.isEmpty()) {
      throw new ConfigException("a token source needs the name of a connection");
    }
    TokenKeeper keeper = new TokenKeeper(core, name, options);
    core.adopt(keeper);
    return new TokenSource(keeper, caller.timeout());
  }

  /**
   * All that happens from now on to the client's application's connections.
   *
   * @return a watch, which closes with the client if not before
   */
  public Watch watch() {
    return watch(WatchEventsRequest.getDefaultInstance());
  }

  /**
   * What happens to connections: from a cursor on, from a snapshot on, or some of it only.
   *
   * @param request the parent may be empty: the client's application
   * @return a watch, which closes with the client if not before
   */
  public Watch watch(WatchEventsRequest request) {
    Names names = core.names();
    WatchEventsRequest full =
        request.toBuilder()
            .setParent(names.application(request.getParent()))
            .setConnection(names.connection(request.getConnection()))
            .setProvider(names.provider(request.getProvider()))
            .build();
    Watch watch = new Watch(core, full);
    watch.open();
    return watch;
  }

  /**
   * The calls about connections.
   *
   * @return with this client's timeout
   */
  public Connections connections() {
    return new Connections(caller);
  }

  /**
   * The calls about providers and the catalog.
   *
   * @return with this client's timeout
   */
  public Providers providers() {
    return new Providers(caller);
  }

  /**
   * The calls about applications and their keys.
   *
   * @return with this client's timeout
   */
  public Applications applications() {
    return new Applications(caller);
  }

  /**
   * Ends calls, sources, watches, the connection and the threads. Whoever waits fails with
   * CANCELLED, and so do later calls.
   */
  @Override
  public void close() {
    core.close();
  }

  /** Where it calls. No secret is in it. */
  @Override
  public String toString() {
    return "ValetKeyClient[" + core.config().address + "]";
  }

  Core core() {
    return core;
  }
}
