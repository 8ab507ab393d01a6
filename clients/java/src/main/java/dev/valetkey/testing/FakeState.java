package dev.valetkey.testing;

import com.google.protobuf.Timestamp;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ConnectionState;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.EventType;
import dev.valetkey.v1.Token;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The connections and their tokens. Guarded by this. */
final class FakeState {
  private final Clock clock;
  private final FakeEvents events = new FakeEvents(this);
  private final Map<String, Entry> entries = new TreeMap<>();
  private int made;

  FakeState(Clock clock) {
    this.clock = clock;
  }

  FakeEvents events() {
    return events;
  }

  Timestamp now() {
    return timestamp(clock.instant());
  }

  static Timestamp timestamp(Instant time) {
    return Timestamp.newBuilder()
        .setSeconds(time.getEpochSecond())
        .setNanos(time.getNano())
        .build();
  }

  /** A name that no connection has. */
  synchronized String newName(String application) {
    return application + "/connections/c-" + ++made;
  }

  synchronized List<Connection> connections() {
    return entries.values().stream().map(entry -> entry.connection.build()).toList();
  }

  synchronized Connection connection(String name) {
    return entry(name).connection.build();
  }

  /** Makes the connection if there is none. Name and life of the token are as in setToken. */
  synchronized long put(String name, String tokenName, Token token, Connection details) {
    Entry entry = entries.get(name);
    EventType type = EventType.EVENT_TYPE_CONNECTED;
    if (entry == null) {
      entry = new Entry(details.toBuilder().setName(name).setCreateTime(now()));
      entries.put(name, entry);
    } else {
      boolean active = entry.connection.getState() == ConnectionState.CONNECTION_STATE_ACTIVE;
      type = active ? EventType.EVENT_TYPE_REFRESHED : EventType.EVENT_TYPE_REAUTHORIZED;
    }
    long generation = entry.connection.getGeneration() + 1;
    entry.tokens.put(tokenName, token);
    entry
        .connection
        .setGeneration(generation)
        .setState(ConnectionState.CONNECTION_STATE_ACTIVE)
        .clearExpireTime()
        .clearScopes()
        .addAllScopes(token.getScopesList())
        .setLastRefreshTime(now());
    if (token.hasExpireTime()) {
      entry.connection.setExpireTime(token.getExpireTime());
    }
    changed(entry, type, "");
    return generation;
  }

  /** The token as it is now; a new one if it has expired, or is older than asked for. */
  synchronized Token token(String name, String tokenName, long minGeneration, long rejected) {
    Entry entry = active(name);
    Token token = tokenOf(entry, tokenName);
    long generation = entry.connection.getGeneration();
    boolean expired =
        token.hasExpireTime() && !instant(token.getExpireTime()).isAfter(clock.instant());
    if (expired || generation < minGeneration || generation == rejected) {
      return refresh(name, tokenName);
    }
    return token.toBuilder().setGeneration(generation).build();
  }

  /** A new token that lives for an hour. */
  synchronized Token refresh(String name, String tokenName) {
    Entry entry = active(name);
    Token before = tokenOf(entry, tokenName);
    long generation = entry.connection.getGeneration() + 1;
    String text = "fake-" + name.substring(name.lastIndexOf('/') + 1) + "-" + generation;
    Token token = token(text, Duration.ofHours(1), before.getScopesList());
    put(name, tokenName, token, entry.connection.build());
    return token.toBuilder().setGeneration(generation).build();
  }

  /** The life may be null: it has no end. */
  Token token(String accessToken, Duration life, List<String> scopes) {
    Token.Builder token =
        Token.newBuilder().setAccessToken(accessToken).setTokenType("bearer").addAllScopes(scopes);
    if (life != null) {
      Instant now = clock.instant();
      token.setExpireTime(timestamp(now.plus(life)));
      token.setRefreshTime(timestamp(now.plus(life.multipliedBy(4).dividedBy(5))));
    }
    return token.build();
  }

  synchronized boolean revoke(String name) {
    Entry entry = entry(name);
    if (entry.connection.getState() == ConnectionState.CONNECTION_STATE_REVOKED) {
      return false;
    }
    end(entry, ConnectionState.CONNECTION_STATE_REVOKED);
    changed(entry, EventType.EVENT_TYPE_REVOKED, "");
    return true;
  }

  synchronized void requireReauthorization(String name) {
    Entry entry = entry(name);
    end(entry, ConnectionState.CONNECTION_STATE_REAUTHORIZATION_REQUIRED);
    changed(
        entry,
        EventType.EVENT_TYPE_REAUTHORIZATION_REQUIRED,
        ErrorReason.REAUTHORIZATION_REQUIRED.name());
  }

  private static void end(Entry entry, ConnectionState state) {
    entry.tokens.clear();
    entry.connection.setState(state).clearExpireTime();
  }

  synchronized Connection setLabels(String name, Map<String, String> labels, String etag) {
    Entry entry = entry(name);
    checkEtag(entry, etag);
    entry.connection.clearLabels().putAllLabels(labels);
    changed(entry, EventType.EVENT_TYPE_UPDATED, "");
    return entry.connection.build();
  }

  synchronized void delete(String name, String etag) {
    Entry entry = entry(name);
    checkEtag(entry, etag);
    entries.remove(name);
    changed(entry, EventType.EVENT_TYPE_DELETED, "");
  }

  private static void checkEtag(Entry entry, String etag) {
    if (!etag.isEmpty() && !etag.equals(entry.connection.getEtag())) {
      throw FakeErrors.error(ErrorReason.ETAG_MISMATCH, Map.of());
    }
  }

  private Entry entry(String name) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw FakeErrors.error(ErrorReason.CONNECTION_NOT_FOUND, Map.of("connection", name));
    }
    return entry;
  }

  private Entry active(String name) {
    Entry entry = entry(name);
    Connection.Builder connection = entry.connection;
    return switch (connection.getState()) {
      case CONNECTION_STATE_ACTIVE -> entry;
      case CONNECTION_STATE_REAUTHORIZATION_REQUIRED ->
          throw FakeErrors.error(
              ErrorReason.REAUTHORIZATION_REQUIRED,
              Map.of(
                  "connection",
                  name,
                  "provider",
                  connection.getProvider(),
                  "subject",
                  connection.getSubject()));
      default -> throw FakeErrors.error(ErrorReason.CONNECTION_REVOKED, Map.of("connection", name));
    };
  }

  private static Token tokenOf(Entry entry, String tokenName) {
    Token token = entry.tokens.get(tokenName);
    if (token == null) {
      throw FakeErrors.error(ErrorReason.TOKEN_NOT_FOUND, Map.of("token", tokenName));
    }
    return token;
  }

  private void changed(Entry entry, EventType type, String reason) {
    entry.connection.setUpdateTime(now()).setEtag("etag-" + ++entry.changes);
    Connection connection = entry.connection.build();
    Event.Builder event =
        Event.newBuilder()
            .setType(type)
            .setConnection(connection.getName())
            .setProvider(connection.getProvider())
            .setSubject(connection.getSubject())
            .putAllLabels(connection.getLabelsMap())
            .setGeneration(connection.getGeneration())
            .setState(connection.getState())
            .setReason(reason);
    if (connection.hasExpireTime()) {
      event.setExpireTime(connection.getExpireTime());
    }
    events.emit(event.build());
  }

  private static Instant instant(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }

  private static final class Entry {
    final Connection.Builder connection;
    final Map<String, Token> tokens = new HashMap<>();
    int changes;

    Entry(Connection.Builder connection) {
      this.connection = connection;
    }
  }
}
