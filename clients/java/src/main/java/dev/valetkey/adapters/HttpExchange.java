package dev.valetkey.adapters;

import dev.valetkey.Token;
import dev.valetkey.TokenSource;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;

/** One request of a user's: what is sent until there is an answer for him. One step at a time. */
final class HttpExchange<T> {
  private static final int MAX_REDIRECTS = 5;
  private static final int UNAUTHORIZED = 401;
  private static final int SEE_OTHER = 303;

  private final HttpClient client;
  private final TokenSource source;
  private final Redirect redirects;
  private final BodyHandler<T> handler;
  private final PushPromiseHandler<T> pushes;

  private int followed;
  private boolean repeated;

  /** The handler of pushes may be null. */
  HttpExchange(
      HttpClient client,
      TokenSource source,
      Redirect redirects,
      BodyHandler<T> handler,
      PushPromiseHandler<T> pushes) {
    this.client = client;
    this.source = source;
    this.redirects = redirects;
    this.handler = handler;
    this.pushes = pushes;
  }

  CompletableFuture<HttpResponse<T>> start(HttpRequest request) {
    return token(request).thenCompose(token -> send(request, token));
  }

  private CompletableFuture<Token> token(HttpRequest request) {
    return request.timeout().map(source::tokenAsync).orElseGet(source::tokenAsync);
  }

  /** Without a token if it is null. */
  private CompletableFuture<HttpResponse<T>> send(HttpRequest request, Token token) {
    HttpRequest.Builder sent =
        HttpRequest.newBuilder(request, (name, value) -> !name.equalsIgnoreCase("authorization"));
    if (token != null) {
      sent.setHeader("Authorization", token.authorization());
    }
    BodyHandler<T> unlessFollowed =
        info ->
            next(request, info.statusCode(), info.headers()).isPresent()
                ? BodySubscribers.replacing(null)
                : handler.apply(info);
    return client
        .sendAsync(sent.build(), unlessFollowed, pushes)
        .thenCompose(response -> answered(request, token, response));
  }

  private CompletableFuture<HttpResponse<T>> answered(
      HttpRequest request, Token token, HttpResponse<T> response) {
    if (response.statusCode() == UNAUTHORIZED && token != null) {
      return refused(request, token, response);
    }
    Optional<HttpRequest> next = next(request, response.statusCode(), response.headers());
    if (next.isEmpty()) {
      return CompletableFuture.completedFuture(response);
    }
    followed++;
    boolean home = isSameOrigin(request.uri(), next.get().uri());
    return home && token != null ? start(next.get()) : send(next.get(), null);
  }

  private CompletableFuture<HttpResponse<T>> refused(
      HttpRequest request, Token token, HttpResponse<T> response) {
    source.invalidate(token.generation());
    if (repeated || !isRepeatable(request)) {
      return CompletableFuture.completedFuture(response);
    }
    repeated = true;
    return token(request)
        .handle((fresh, error) -> fresh)
        .thenCompose(
            fresh -> {
              if (fresh == null) {
                return CompletableFuture.completedFuture(response);
              }
              discard(response.body());
              return send(request, fresh);
            });
  }

  private static boolean isRepeatable(HttpRequest request) {
    return request.bodyPublisher().map(body -> body.contentLength() >= 0).orElse(true);
  }

  /** The request that a redirect asks for; empty if it is none, or is not to be followed. */
  private Optional<HttpRequest> next(HttpRequest request, int status, HttpHeaders headers) {
    if (redirects == Redirect.NEVER || followed == MAX_REDIRECTS || !isRedirect(status)) {
      return Optional.empty();
    }
    Optional<URI> location = headers.firstValue("location").flatMap(HttpExchange::uri);
    if (location.isEmpty()) {
      return Optional.empty();
    }
    URI target = request.uri().resolve(location.get());
    if (!isAllowed(request.uri(), target)) {
      return Optional.empty();
    }
    HttpRequest.Builder next = HttpRequest.newBuilder(request, (name, value) -> true).uri(target);
    if (becomesGet(request.method(), status)) {
      boolean head = request.method().equals("HEAD");
      next.method(head ? "HEAD" : "GET", BodyPublishers.noBody());
    } else if (!isRepeatable(request)) {
      return Optional.empty();
    }
    return Optional.of(next.build());
  }

  private static boolean isRedirect(int status) {
    return switch (status) {
      case 301, 302, SEE_OTHER, 307, 308 -> true;
      default -> false;
    };
  }

  private static boolean becomesGet(String method, int status) {
    return status == SEE_OTHER || (status <= 302 && method.equals("POST"));
  }

  private boolean isAllowed(URI from, URI to) {
    String scheme = scheme(to);
    boolean web = scheme.equals("http") || scheme.equals("https");
    if (!web || to.getHost() == null) {
      return false;
    }
    boolean downgrade = scheme(from).equals("https") && scheme.equals("http");
    return redirects == Redirect.ALWAYS || !downgrade;
  }

  private static Optional<URI> uri(String text) {
    try {
      return Optional.of(URI.create(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static boolean isSameOrigin(URI one, URI other) {
    return scheme(one).equals(scheme(other))
        && one.getHost().equalsIgnoreCase(other.getHost())
        && port(one) == port(other);
  }

  private static String scheme(URI uri) {
    return uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
  }

  private static int port(URI uri) {
    if (uri.getPort() >= 0) {
      return uri.getPort();
    }
    return scheme(uri).equals("https") ? 443 : 80;
  }

  /** Lets go of the connection behind a body that nobody reads. */
  private static void discard(Object body) {
    if (body instanceof AutoCloseable open) {
      try {
        open.close();
      } catch (Exception e) {
        // It is of no use any more, in whatever state.
      }
    } else if (body instanceof Flow.Publisher<?> publisher) {
      publisher.subscribe(new Cancelling<>());
    }
  }

  private static final class Cancelling<E> implements Flow.Subscriber<E> {
    @Override
    public void onSubscribe(Flow.Subscription subscription) {
      subscription.cancel();
    }

    @Override
    public void onNext(E item) {}

    @Override
    public void onError(Throwable error) {}

    @Override
    public void onComplete() {}
  }
}
