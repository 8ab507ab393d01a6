package dev.valetkey.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.valetkey.ReauthorizationRequiredException;
import dev.valetkey.SourceOptions;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.ValetKeyClientBuilder;
import dev.valetkey.ValetKeyException;
import dev.valetkey.v1.AuthorizeRequest;
import dev.valetkey.v1.AuthorizeResponse;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ExchangeRequest;
import dev.valetkey.v1.ExchangeResponse;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.ListConnectionsRequest;
import dev.valetkey.v1.RefreshRequest;
import dev.valetkey.v1.RevokeResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** What can be asked for. Thread-safe. */
final class Operations {
  private static final Set<String> QUICK =
      Set.of("client", "source", "invalidate", "watch", "close_source", "close_watch");

  private final Map<String, ValetKeyClient> clients = new ConcurrentHashMap<>();
  private final Map<String, TokenSource> sources = new ConcurrentHashMap<>();
  private final Map<Long, ReauthorizationRequiredException> dead = new ConcurrentHashMap<>();
  private final Map<Long, ValetKeyClient> clientOf = new ConcurrentHashMap<>();
  private final WatchOperations watches = new WatchOperations();

  /** Whether it waits for nothing. */
  static boolean isQuick(String op) {
    return QUICK.contains(op);
  }

  JsonObject run(String op, long id, JsonObject request) throws IOException, InterruptedException {
    return switch (op) {
      case "client" -> client(request);
      case "close_client" -> {
        clients.get(Json.string(request, "client")).close();
        yield new JsonObject();
      }
      case "authorize" -> authorized(client(id, request).authorize(authorize(request)));
      case "reauthorize" -> reauthorize(request);
      case "exchange" -> exchange(client(id, request), request);
      case "get_token" -> Json.token(client(id, request).getToken(getToken(request)));
      case "refresh" -> Json.token(client(id, request).refresh(refresh(request)));
      case "revoke" -> revoked(client(id, request).revoke(Json.string(request, "name")));
      case "get_connection" ->
          connection(client(id, request).connections().get(Json.string(request, "name")));
      case "list_connections" -> list(client(id, request), request);
      case "source" -> source(client(id, request), request);
      case "token" -> SourceOperations.token(sourceOf(request), request);
      case "read" -> SourceOperations.read(sourceOf(request), request);
      case "request" -> SourceOperations.request(sourceOf(request), request);
      case "invalidate" -> {
        sourceOf(request).invalidate(request.get("generation").getAsLong());
        yield new JsonObject();
      }
      case "close_source" -> {
        sourceOf(request).close();
        yield new JsonObject();
      }
      case "watch" -> watches.open(client(id, request), request);
      case "next" -> watches.next(request);
      case "close_watch" -> watches.close(request);
      default -> throw new IllegalArgumentException("no such op: " + op);
    };
  }

  /** Keeps what may be asked for again. */
  void failed(long id, ValetKeyException error) {
    if (error instanceof ReauthorizationRequiredException known) {
      dead.put(id, known);
    }
  }

  void close() {
    clients.values().forEach(ValetKeyClient::close);
  }

  private JsonObject client(JsonObject request) {
    JsonObject options =
        Json.get(request, "options").map(given -> given.getAsJsonObject()).orElse(new JsonObject());
    ValetKeyClientBuilder builder = ValetKeyClient.builder();
    Json.get(options, "address").ifPresent(value -> builder.address(value.getAsString()));
    Json.get(options, "api_key").ifPresent(value -> builder.apiKey(value.getAsString()));
    Json.get(options, "application").ifPresent(value -> builder.application(value.getAsString()));
    Json.get(options, "tls_ca").ifPresent(value -> builder.tlsCa(value.getAsString()));
    Json.get(options, "server_name").ifPresent(value -> builder.serverName(value.getAsString()));
    if (Json.get(options, "tls_cert").isPresent() || Json.get(options, "tls_key").isPresent()) {
      builder.tlsCertificate(Json.string(options, "tls_cert"), Json.string(options, "tls_key"));
    }
    builder.insecurePlaintext(Json.bool(options, "insecure_plaintext", false));
    Json.millis(options, "timeout_ms").ifPresent(builder::timeout);
    clients.put(Json.string(request, "client"), builder.build());
    return new JsonObject();
  }

  private ValetKeyClient client(long id, JsonObject request) {
    ValetKeyClient client = clients.get(Json.string(request, "client"));
    clientOf.put(id, client);
    return Json.millis(request, "timeout_ms").map(client::withTimeout).orElse(client);
  }

  private TokenSource sourceOf(JsonObject request) {
    return sources.get(Json.string(request, "source"));
  }

  private static AuthorizeRequest authorize(JsonObject request) {
    AuthorizeRequest.Builder builder =
        AuthorizeRequest.newBuilder()
            .setProvider(Json.string(request, "provider"))
            .setSubject(Json.string(request, "subject"))
            .setConnection(Json.string(request, "connection"))
            .setReturnUri(Json.string(request, "return_uri"));
    Json.eachString(request, "scopes", builder::addScopes);
    Json.get(request, "labels")
        .ifPresent(
            labels ->
                labels
                    .getAsJsonObject()
                    .entrySet()
                    .forEach(
                        label ->
                            builder.putLabels(label.getKey(), label.getValue().getAsString())));
    return builder.build();
  }

  private JsonObject reauthorize(JsonObject request) {
    long id = request.get("request").getAsLong();
    ValetKeyClient client = clientOf.get(id);
    ReauthorizationRequiredException error = dead.get(id);
    if (client == null || error == null) {
      throw new IllegalArgumentException("that request did not fail so");
    }
    return authorized(client.authorize(error.authorizeRequest()));
  }

  private static JsonObject authorized(AuthorizeResponse response) {
    JsonObject result = new JsonObject();
    result.addProperty("authorization_uri", response.getAuthorizationUri());
    result.addProperty("state", response.getState());
    result.addProperty("connection", response.getConnection());
    return result;
  }

  private static JsonObject exchange(ValetKeyClient client, JsonObject request) {
    ExchangeResponse response =
        client.exchange(
            ExchangeRequest.newBuilder()
                .setState(Json.string(request, "state"))
                .setCode(Json.string(request, "code"))
                .setError(Json.string(request, "error"))
                .build());
    JsonObject result = new JsonObject();
    result.addProperty("connection", response.getConnection());
    result.add("scopes", Json.array(response.getScopesList()));
    result.addProperty("generation", response.getGeneration());
    return result;
  }

  private static GetTokenRequest getToken(JsonObject request) {
    GetTokenRequest.Builder builder =
        GetTokenRequest.newBuilder()
            .setName(Json.string(request, "name"))
            .setMinGeneration(Json.number(request, "min_generation", 0))
            .setRejectedGeneration(Json.number(request, "rejected_generation", 0));
    Json.eachString(request, "required_scopes", builder::addRequiredScopes);
    Json.millis(request, "min_lifetime_ms").ifPresent(life -> builder.setMinLifetime(proto(life)));
    return builder.build();
  }

  /** Seconds and nanoseconds have one sign there. */
  private static com.google.protobuf.Duration proto(Duration duration) {
    long millis = duration.toMillis();
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(millis / 1000)
        .setNanos((int) (millis % 1000) * 1_000_000)
        .build();
  }

  private static RefreshRequest refresh(JsonObject request) {
    return RefreshRequest.newBuilder()
        .setName(Json.string(request, "name"))
        .setGeneration(Json.number(request, "generation", 0))
        .build();
  }

  private static JsonObject revoked(RevokeResponse response) {
    JsonArray tokens = new JsonArray();
    response
        .getTokensList()
        .forEach(
            token -> {
              JsonObject each = new JsonObject();
              each.addProperty("kind", token.getKind().name().replace("TOKEN_KIND_", ""));
              each.addProperty(
                  "result", token.getResult().name().replace("REVOCATION_RESULT_", ""));
              tokens.add(each);
            });
    JsonObject result = new JsonObject();
    result.addProperty("copy_destroyed", response.getCopyDestroyed());
    result.add("tokens", tokens);
    return result;
  }

  private static JsonObject connection(Connection connection) {
    JsonObject result = new JsonObject();
    result.addProperty("name", connection.getName());
    result.addProperty("state", connection.getState().name().replace("CONNECTION_STATE_", ""));
    result.addProperty("subject", connection.getSubject());
    result.addProperty("generation", connection.getGeneration());
    result.add("labels", Json.map(connection.getLabelsMap()));
    return result;
  }

  private static JsonObject list(ValetKeyClient client, JsonObject request) {
    ListConnectionsRequest wanted =
        ListConnectionsRequest.newBuilder()
            .setSubject(Json.string(request, "subject"))
            .setPageSize((int) Json.number(request, "page_size", 0))
            .build();
    JsonArray names = new JsonArray();
    client.connections().list(wanted).forEach(connection -> names.add(connection.getName()));
    JsonObject result = new JsonObject();
    result.add("names", names);
    return result;
  }

  private JsonObject source(ValetKeyClient client, JsonObject request) {
    String[] scopes =
        Json.get(request, "required_scopes")
            .map(list -> list.getAsJsonArray().asList().stream())
            .stream()
            .flatMap(each -> each)
            .map(scope -> scope.getAsString())
            .toArray(String[]::new);
    sources.put(
        Json.string(request, "source"),
        client.tokenSource(
            Json.string(request, "name"), SourceOptions.DEFAULT.withRequiredScopes(scopes)));
    return new JsonObject();
  }
}
