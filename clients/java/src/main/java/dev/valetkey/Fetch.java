package dev.valetkey;

import dev.valetkey.v1.GetTokenRequest;
import java.util.concurrent.CompletableFuture;

/** One GetToken of a keeper, by whose lock it is guarded. */
final class Fetch {
  /** What it asks for is settled. */
  boolean sent;

  /** How often the connection had ended when it was sent. */
  int ends;

  long minGeneration;
  long rejected;
  long deadline;

  /** Null until it is under way. */
  CompletableFuture<Token> call;

  GetTokenRequest request(String connection, SourceOptions options) {
    return GetTokenRequest.newBuilder()
        .setName(connection)
        .setToken(options.token())
        .addAllRequiredScopes(options.requiredScopes())
        .setMinGeneration(minGeneration)
        .setRejectedGeneration(rejected)
        .build();
  }

  /** Whether the answer may be what has been refused since. */
  boolean knewNot(long refused, Token answer) {
    return answer.generation() <= refused && rejected < answer.generation();
  }
}
