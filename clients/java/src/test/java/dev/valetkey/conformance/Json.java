package dev.valetkey.conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.valetkey.InvalidArgumentException;
import dev.valetkey.ReauthorizationRequiredException;
import dev.valetkey.ScopeNotGrantedException;
import dev.valetkey.Token;
import dev.valetkey.ValetKeyException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** The protocol's values. */
final class Json {
  private static final Gson GSON =
      new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

  private Json() {}

  static String text(JsonObject object) {
    return GSON.toJson(object);
  }

  /** A null is as good as nothing. */
  static Optional<JsonElement> get(JsonObject object, String name) {
    return Optional.ofNullable(object.get(name)).filter(value -> !value.isJsonNull());
  }

  static String string(JsonObject object, String name) {
    return get(object, name).map(JsonElement::getAsString).orElse("");
  }

  static long number(JsonObject object, String name, long otherwise) {
    return get(object, name).map(JsonElement::getAsLong).orElse(otherwise);
  }

  static boolean bool(JsonObject object, String name, boolean otherwise) {
    return get(object, name).map(JsonElement::getAsBoolean).orElse(otherwise);
  }

  static void eachString(JsonObject object, String name, Consumer<String> use) {
    get(object, name)
        .ifPresent(list -> list.getAsJsonArray().forEach(each -> use.accept(each.getAsString())));
  }

  static Optional<Duration> millis(JsonObject object, String name) {
    return get(object, name).map(value -> Duration.ofMillis(value.getAsLong()));
  }

  static JsonArray array(Iterable<String> values) {
    JsonArray array = new JsonArray();
    values.forEach(array::add);
    return array;
  }

  static JsonObject map(Map<String, String> values) {
    JsonObject object = new JsonObject();
    values.forEach(object::addProperty);
    return object;
  }

  static JsonObject token(Token token) {
    JsonObject object = new JsonObject();
    object.addProperty("access_token", token.accessToken());
    object.addProperty("token_type", token.tokenType());
    object.add("scopes", array(token.scopes()));
    object.addProperty("generation", token.generation());
    object.addProperty(
        "expire_in_ms",
        token
            .expireTime()
            .map(time -> Duration.between(Instant.now(), time).toMillis())
            .orElse(null));
    return object;
  }

  static JsonObject error(ValetKeyException error) {
    String name = error.getClass().getSimpleName().replace("Exception", "");
    JsonObject object =
        error(name.equals("ValetKey") ? "Error" : name, error.code().name(), error.getMessage());
    object.addProperty("reason", error.reason());
    object.add("metadata", map(error.metadata()));
    object.addProperty("retry_delay_ms", error.retryDelay().map(Duration::toMillis).orElse(null));
    if (error instanceof ReauthorizationRequiredException dead) {
      object.addProperty("connection", dead.connection());
      object.addProperty("provider", dead.provider());
      object.addProperty("subject", dead.subject());
    } else if (error instanceof ScopeNotGrantedException scopes) {
      object.add("missing_scopes", array(scopes.missingScopes()));
    } else if (error instanceof InvalidArgumentException invalid) {
      object.addProperty("field", invalid.field());
    }
    return object;
  }

  static JsonObject error(String kind, String code, String message) {
    JsonObject object = new JsonObject();
    object.addProperty("kind", kind);
    object.addProperty("code", code);
    object.addProperty("reason", "");
    object.add("metadata", new JsonObject());
    object.add("retry_delay_ms", JsonNull.INSTANCE);
    object.addProperty("message", message);
    return object;
  }
}
