package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.valetkey.testing.FakeValetKey;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TLS and Unix sockets. */
class TransportTest {
  @TempDir static Path folder;
  private static Certificates server;
  private static Certificates client;
  private static Certificates other;

  @BeforeAll
  static void makeCertificates() throws IOException, InterruptedException {
    server = Certificates.make(folder, "server", "dns:localhost,dns:broker.example,ip:127.0.0.1");
    client = Certificates.make(folder, "client", "dns:client");
    other = Certificates.make(folder, "other", "dns:localhost");
  }

  private static FakeValetKey tls(Path clientAuthorities) {
    FakeValetKey fake =
        FakeValetKey.builder().tls(server.certificate(), server.key(), clientAuthorities).start();
    fake.setToken("c-7", "secret", null);
    return fake;
  }

  private static String token(ValetKeyClientBuilder options) {
    try (ValetKeyClient client = options.environment(name -> null).build()) {
      return client.getToken("c-7").accessToken();
    }
  }

  private static ValetKeyException failure(ValetKeyClientBuilder options) {
    try (ValetKeyClient client = options.environment(name -> null).build()) {
      return FakeTest.failure(client.withTimeout(Duration.ofSeconds(1)).getTokenAsync("c-7"));
    }
  }

  @Test
  void trustsTheAuthoritiesGiven() {
    try (FakeValetKey fake = tls(null)) {
      assertEquals("secret", token(fake.clientBuilder().tlsCa(server.certificate().toString())));
      assertEquals(
          "secret",
          token(
              fake.clientBuilder()
                  .address("https://" + fake.address())
                  .tlsCa(server.certificate().toString())));
    }
  }

  @Test
  void trustsNobodyElse() {
    try (FakeValetKey fake = tls(null)) {
      ValetKeyException error = failure(fake.clientBuilder().tlsCa(other.certificate().toString()));
      assertInstanceOf(UnavailableException.class, error);
      assertInstanceOf(UnavailableException.class, failure(fake.clientBuilder().tlsCa("system")));
      assertEquals(0, fake.calls("GetToken"));
    }
  }

  @Test
  void theNameMustBeTheHostsOrTheOneGiven() {
    try (FakeValetKey fake = tls(null)) {
      ValetKeyClientBuilder options = fake.clientBuilder().tlsCa(server.certificate().toString());
      assertEquals("secret", token(options.serverName("broker.example")));
      assertInstanceOf(UnavailableException.class, failure(options.serverName("evil.example")));
    }
  }

  @Test
  void showsItsOwnCertificate() {
    try (FakeValetKey fake = tls(client.certificate())) {
      ValetKeyClientBuilder options = fake.clientBuilder().tlsCa(server.certificate().toString());
      assertInstanceOf(UnavailableException.class, failure(options));
      assertEquals(
          "secret",
          token(options.tlsCertificate(client.certificate().toString(), client.key().toString())));
    }
  }

  @Test
  void aPlainClientOfATlsServerIsUnavailable() {
    try (FakeValetKey fake = tls(null)) {
      assertInstanceOf(UnavailableException.class, failure(fake.clientBuilder()));
    }
  }

  @Test
  void speaksThroughAUnixSocket() throws IOException, InterruptedException {
    Path socket = folder.resolve("vk.sock");
    try (FakeValetKey fake = FakeValetKey.start()) {
      fake.setToken("c-7", "secret", null);
      try (UnixRelay relay = new UnixRelay(socket, fake.address())) {
        assertEquals("secret", token(fake.clientBuilder().address("unix:" + socket)));
        assertEquals("secret", token(fake.clientBuilder().address("unix://" + socket)));
        assertEquals(2, relay.accepted());
      }
    }
    ValetKeyException error =
        failure(ValetKeyClient.builder().application("shop").address("unix:" + socket));
    assertInstanceOf(UnavailableException.class, error);
  }
}
