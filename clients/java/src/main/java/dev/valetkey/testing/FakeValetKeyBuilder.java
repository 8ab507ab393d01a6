package dev.valetkey.testing;

import io.grpc.ServerCredentials;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Objects;

/** Options of a {@link FakeValetKey}. Not thread-safe. */
public final class FakeValetKeyBuilder {
  String application = "applications/shop";
  String apiKey = "";
  Clock clock = Clock.systemUTC();
  ServerCredentials credentials = FakeServer.plain();

  FakeValetKeyBuilder() {}

  /**
   * The application that short names belong to. Default: {@code shop}.
   *
   * @param id such as {@code shop}
   * @return this
   */
  public FakeValetKeyBuilder application(String id) {
    this.application = "applications/" + id;
    return this;
  }

  /**
   * Refuses calls without this API key. Default: none is asked for.
   *
   * @param apiKey the secret
   * @return this
   */
  public FakeValetKeyBuilder apiKey(String apiKey) {
    this.apiKey = Objects.requireNonNull(apiKey);
    return this;
  }

  /**
   * Tells when tokens expire. Default: the machine's clock.
   *
   * @param clock read at each call
   * @return this
   */
  public FakeValetKeyBuilder clock(Clock clock) {
    this.clock = Objects.requireNonNull(clock);
    return this;
  }

  /**
   * Speaks TLS. Default: plain text.
   *
   * @param certificate a PEM file
   * @param key a PEM file
   * @param clientAuthorities a PEM file: clients need a certificate of theirs; null: they need none
   * @return this
   */
  public FakeValetKeyBuilder tls(Path certificate, Path key, Path clientAuthorities) {
    this.credentials =
        FakeServer.tls(
            certificate.toFile(),
            key.toFile(),
            clientAuthorities == null ? null : clientAuthorities.toFile());
    return this;
  }

  /**
   * Starts it.
   *
   * @return a fake, to be closed
   */
  public FakeValetKey start() {
    return new FakeValetKey(this);
  }
}
