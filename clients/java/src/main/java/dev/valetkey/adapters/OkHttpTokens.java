package dev.valetkey.adapters;

import dev.valetkey.Token;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyException;
import java.io.IOException;
import java.util.Objects;
import okhttp3.Authenticator;
import okhttp3.Interceptor;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.Route;

/**
 * A token for each request of an {@link OkHttpClient}.
 *
 * <pre>{@code
 * OkHttpClient http = OkHttpTokens.install(new OkHttpClient.Builder(), source).build();
 * }</pre>
 *
 * <p>The interceptor sets the header. On a 401 the authenticator has the token invalidated and the
 * request sent once more, unless its body is one-shot or there is no new token: then the 401 is the
 * answer. Where there is no token to begin with, the call fails with an {@link IOException} caused
 * by a {@link ValetKeyException}. OkHttp takes no {@code Authorization} along to another host, and
 * neither does this.
 *
 * <p>Thread-safe.
 */
public final class OkHttpTokens implements Interceptor, Authenticator {
  private static final String HEADER = "Authorization";
  private static final int UNAUTHORIZED = 401;

  private final TokenSource source;

  private OkHttpTokens(TokenSource source) {
    this.source = Objects.requireNonNull(source);
  }

  /**
   * Adds the interceptor and sets the authenticator.
   *
   * @param builder of the client
   * @param source of the tokens
   * @return the builder
   */
  public static OkHttpClient.Builder install(OkHttpClient.Builder builder, TokenSource source) {
    OkHttpTokens tokens = new OkHttpTokens(source);
    return builder.addInterceptor(tokens).authenticator(tokens);
  }

  @Override
  public Response intercept(Chain chain) throws IOException {
    Token token;
    try {
      token = source.token();
    } catch (ValetKeyException e) {
      throw new IOException("no token: " + e.getMessage(), e);
    }
    return chain.proceed(with(chain.request(), token));
  }

  @Override
  public Request authenticate(Route route, Response response) {
    Request request = response.request();
    Token sent = request.tag(Token.class);
    // Without the header it is the answer of another host, which was sent no token.
    if (sent == null || request.header(HEADER) == null) {
      return null;
    }
    source.invalidate(sent.generation());
    if (wasRefusedBefore(response)) {
      return null;
    }
    try {
      return with(request, source.token());
    } catch (ValetKeyException e) {
      return null;
    }
  }

  private static Request with(Request request, Token token) {
    return request
        .newBuilder()
        .header(HEADER, token.authorization())
        .tag(Token.class, token)
        .build();
  }

  private static boolean wasRefusedBefore(Response response) {
    for (Response prior = response.priorResponse(); prior != null; prior = prior.priorResponse()) {
      if (prior.code() == UNAUTHORIZED) {
        return true;
      }
    }
    return false;
  }
}
