package dev.valetkey.adapters;

import dev.valetkey.TokenSource;
import java.io.IOException;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/**
 * An {@link HttpClient} whose requests carry a token.
 *
 * <p>On a 401 the token is invalidated and the request sent once more with a new one, unless its
 * body has no known length: then it is taken for a stream, which cannot be sent again, and the 401
 * is the answer. It is also the answer if there is no new token. Where there is no token to begin
 * with, sending fails with a {@link dev.valetkey.ValetKeyException}.
 *
 * <p>It follows redirects itself, for Java's own client takes the token along to whatever host:
 * here a redirect to another scheme, host or port is followed without it.
 *
 * <p>Thread-safe.
 */
public final class TokenHttpClient extends HttpClient {
  private final HttpClient client;
  private final TokenSource source;
  private final Redirect redirects;

  private TokenHttpClient(HttpClient client, TokenSource source, Redirect redirects) {
    if (client.followRedirects() != Redirect.NEVER) {
      throw new IllegalArgumentException(
          "the client must not follow redirects, for it would take the token along; say it here");
    }
    this.client = client;
    this.source = Objects.requireNonNull(source);
    this.redirects = Objects.requireNonNull(redirects);
  }

  /**
   * A client that follows no redirects.
   *
   * @param client does the sending; must not follow redirects, which is Java's default
   * @param source of the tokens
   * @return a client
   */
  public static TokenHttpClient of(HttpClient client, TokenSource source) {
    return of(client, source, Redirect.NEVER);
  }

  /**
   * A client that follows redirects.
   *
   * @param client does the sending; must not follow redirects itself
   * @param source of the tokens
   * @param redirects which to follow, at most five in a row
   * @return a client
   */
  public static TokenHttpClient of(HttpClient client, TokenSource source, Redirect redirects) {
    return new TokenHttpClient(client, source, redirects);
  }

  @Override
  public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
      throws IOException, InterruptedException {
    CompletableFuture<HttpResponse<T>> future = sendAsync(request, handler);
    try {
      return future.get();
    } catch (InterruptedException e) {
      future.cancel(true);
      throw e;
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      if (cause instanceof IOException failed) {
        throw failed;
      }
      if (cause instanceof RuntimeException failed) {
        throw failed;
      }
      throw new IOException(cause);
    }
  }

  @Override
  public <T> CompletableFuture<HttpResponse<T>> sendAsync(
      HttpRequest request, BodyHandler<T> handler) {
    return sendAsync(request, handler, null);
  }

  @Override
  public <T> CompletableFuture<HttpResponse<T>> sendAsync(
      HttpRequest request, BodyHandler<T> handler, PushPromiseHandler<T> pushes) {
    return new HttpExchange<>(client, source, redirects, handler, pushes).start(request);
  }

  @Override
  public Redirect followRedirects() {
    return redirects;
  }

  @Override
  public Optional<CookieHandler> cookieHandler() {
    return client.cookieHandler();
  }

  @Override
  public Optional<Duration> connectTimeout() {
    return client.connectTimeout();
  }

  @Override
  public Optional<ProxySelector> proxy() {
    return client.proxy();
  }

  @Override
  public SSLContext sslContext() {
    return client.sslContext();
  }

  @Override
  public SSLParameters sslParameters() {
    return client.sslParameters();
  }

  @Override
  public Optional<Authenticator> authenticator() {
    return client.authenticator();
  }

  @Override
  public Version version() {
    return client.version();
  }

  @Override
  public Optional<Executor> executor() {
    return client.executor();
  }
}
