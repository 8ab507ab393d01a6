package dev.valetkey.testing;

import dev.valetkey.v1.AuthorizeRequest;
import dev.valetkey.v1.AuthorizeResponse;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.ExchangeRequest;
import dev.valetkey.v1.ExchangeResponse;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.GetTokenResponse;
import dev.valetkey.v1.RefreshRequest;
import dev.valetkey.v1.RefreshResponse;
import dev.valetkey.v1.RevocationResult;
import dev.valetkey.v1.RevokeRequest;
import dev.valetkey.v1.RevokeResponse;
import dev.valetkey.v1.Token;
import dev.valetkey.v1.TokenKind;
import dev.valetkey.v1.TokenRevocation;
import dev.valetkey.v1.TokenServiceGrpc;
import io.grpc.stub.StreamObserver;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Any code is good. */
final class FakeTokens extends TokenServiceGrpc.TokenServiceImplBase {
  private final FakeState state;
  // Both guarded by state.
  private final Map<String, AuthorizeRequest> begun = new HashMap<>();
  private final Map<String, ExchangeResponse> finished = new HashMap<>();

  FakeTokens(FakeState state) {
    this.state = state;
  }

  @Override
  public void authorize(AuthorizeRequest request, StreamObserver<AuthorizeResponse> observer) {
    AuthorizeResponse.Builder response = AuthorizeResponse.newBuilder();
    synchronized (state) {
      AuthorizeRequest.Builder kept = request.toBuilder();
      if (request.getConnection().isEmpty()) {
        if (request.getSubject().isEmpty()) {
          throw FakeErrors.invalid("subject", "your own id of the person");
        }
        kept.setConnection(state.newName(FakeNames.applicationOf(request.getProvider())));
      } else {
        kept.setSubject(state.connection(request.getConnection()).getSubject());
      }
      String key = "state-" + (begun.size() + 1);
      begun.put(key, kept.build());
      response
          .setState(key)
          .setConnection(kept.getConnection())
          .setExpireTime(FakeState.timestamp(Instant.now().plus(Duration.ofMinutes(15))))
          .setAuthorizationUri(
              "https://provider.invalid/authorize?state="
                  + key
                  + "&scope="
                  + URLEncoder.encode(
                      String.join(" ", request.getScopesList()), StandardCharsets.UTF_8));
    }
    answer(observer, response.build());
  }

  @Override
  public void exchange(ExchangeRequest request, StreamObserver<ExchangeResponse> observer) {
    ExchangeResponse response;
    synchronized (state) {
      AuthorizeRequest from = begun.get(request.getState());
      if (from == null) {
        throw FakeErrors.error(ErrorReason.AUTHORIZATION_STATE_INVALID, Map.of());
      }
      if (!request.getError().isEmpty()) {
        throw FakeErrors.error(
            ErrorReason.CONSENT_DENIED, Map.of("provider_error", request.getError()));
      }
      if (request.getCode().isEmpty()) {
        throw FakeErrors.invalid("code", "the query's code");
      }
      response = finished.computeIfAbsent(request.getState(), key -> connect(from));
    }
    answer(observer, response);
  }

  private ExchangeResponse connect(AuthorizeRequest from) {
    String name = from.getConnection();
    Token token =
        state.token(
            "fake-" + name.substring(name.lastIndexOf('/') + 1),
            Duration.ofHours(1),
            from.getScopesList());
    Connection details =
        Connection.newBuilder()
            .setProvider(from.getProvider())
            .setSubject(from.getSubject())
            .putAllLabels(from.getLabelsMap())
            .build();
    long generation = state.put(name, "", token, details);
    return ExchangeResponse.newBuilder()
        .setConnection(name)
        .addAllScopes(from.getScopesList())
        .setGeneration(generation)
        .build();
  }

  @Override
  public void getToken(GetTokenRequest request, StreamObserver<GetTokenResponse> observer) {
    Token token;
    synchronized (state) {
      token =
          state.token(
              request.getName(),
              request.getToken(),
              request.getMinGeneration(),
              request.getRejectedGeneration());
    }
    List<String> missing = new ArrayList<>(request.getRequiredScopesList());
    missing.removeAll(token.getScopesList());
    if (!missing.isEmpty()) {
      throw FakeErrors.error(
          ErrorReason.SCOPE_NOT_GRANTED, Map.of("missing_scopes", String.join(" ", missing)));
    }
    answer(observer, GetTokenResponse.newBuilder().setToken(token).build());
  }

  @Override
  public void refresh(RefreshRequest request, StreamObserver<RefreshResponse> observer) {
    Token token;
    synchronized (state) {
      Token now = state.token(request.getName(), request.getToken(), 0, 0);
      boolean past = request.getGeneration() != 0 && now.getGeneration() > request.getGeneration();
      token = past ? now : state.refresh(request.getName(), request.getToken());
    }
    answer(observer, RefreshResponse.newBuilder().setToken(token).build());
  }

  @Override
  public void revoke(RevokeRequest request, StreamObserver<RevokeResponse> observer) {
    RevokeResponse.Builder response = RevokeResponse.newBuilder().setCopyDestroyed(true);
    if (state.revoke(request.getName())) {
      response
          .addTokens(revoked(TokenKind.TOKEN_KIND_ACCESS_TOKEN))
          .addTokens(revoked(TokenKind.TOKEN_KIND_REFRESH_TOKEN));
    }
    answer(observer, response.build());
  }

  private static TokenRevocation revoked(TokenKind kind) {
    return TokenRevocation.newBuilder()
        .setKind(kind)
        .setResult(RevocationResult.REVOCATION_RESULT_REVOKED)
        .build();
  }

  static <T> void answer(StreamObserver<T> observer, T response) {
    observer.onNext(response);
    observer.onCompleted();
  }
}
