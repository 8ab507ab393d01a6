package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigTest {
  private static Config config(ValetKeyClientBuilder given, Map<String, String> environment) {
    return new Config(given, environment::get);
  }

  private static ValetKeyClientBuilder nothing() {
    return ValetKeyClient.builder();
  }

  @Test
  void hasDefaults() {
    Config config = config(nothing(), Map.of());
    assertEquals("127.0.0.1:8800", config.address.toString());
    assertEquals("", config.apiKey);
    assertFalse(config.tls);
    assertEquals(Duration.ofSeconds(30), config.timeout);
    assertThrows(ConfigException.class, () -> config.names.connection("c-7"));
  }

  @Test
  void readsTheEnvironment() {
    Config config =
        config(
            nothing(),
            Map.of(
                "VALETKEY_ADDRESS", "broker.example:8800",
                "VALETKEY_API_KEY", "vk_secret",
                "VALETKEY_APPLICATION", "shop",
                "VALETKEY_TLS_CA", "system",
                "VALETKEY_TLS_CERT", "/cert.pem",
                "VALETKEY_TLS_KEY", "/key.pem"));
    assertEquals("broker.example:8800", config.address.toString());
    assertEquals("vk_secret", config.apiKey);
    assertEquals("applications/shop/connections/c-7", config.names.connection("c-7"));
    assertTrue(config.tls);
    assertEquals("system", config.tlsCa);
    assertEquals("/cert.pem", config.tlsCert);
    assertEquals("/key.pem", config.tlsKey);
  }

  @Test
  void whatIsGivenInCodeWins() {
    Config config =
        config(
            nothing().address("127.0.0.1:1").apiKey("").application("other").tlsCa("/ca.pem"),
            Map.of(
                "VALETKEY_ADDRESS", "127.0.0.1:2",
                "VALETKEY_API_KEY", "vk_secret",
                "VALETKEY_APPLICATION", "shop",
                "VALETKEY_TLS_CA", "system"));
    assertEquals("127.0.0.1:1", config.address.toString());
    assertEquals("", config.apiKey);
    assertEquals("applications/other", config.names.application(""));
    assertEquals("/ca.pem", config.tlsCa);
  }

  @Test
  void readsTheKeyFromAFile(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("key"), "vk_secret\n");
    assertEquals(
        "vk_secret", config(nothing(), Map.of("VALETKEY_API_KEY_FILE", file.toString())).apiKey);
    ConfigException error =
        assertThrows(
            ConfigException.class,
            () -> config(nothing(), Map.of("VALETKEY_API_KEY_FILE", folder + "/none")));
    assertTrue(error.getMessage().contains("VALETKEY_API_KEY_FILE"));
  }

  @Test
  void aKeyThatCannotBeSentIsRefusedWithoutBeingTold() {
    ConfigException error =
        assertThrows(ConfigException.class, () -> config(nothing().apiKey("vk_a b"), Map.of()));
    assertFalse(error.getMessage().contains("vk_a"));
  }

  @ParameterizedTest
  @CsvSource({
    "localhost:1, localhost, 1, '', ",
    "127.0.0.1:65535, 127.0.0.1, 65535, '', ",
    "[::1]:8800, ::1, 8800, '', ",
    "unix:/run/vk.sock, '', 0, /run/vk.sock, ",
    "unix:///run/vk.sock, '', 0, /run/vk.sock, ",
    "https://broker.example:443, broker.example, 443, '', true",
    "http://127.0.0.1:8800/, 127.0.0.1, 8800, '', false",
  })
  void readsAddresses(String text, String host, int port, String path, Boolean tls) {
    assertEquals(new Address(host, port, path, tls), Address.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "host",
        "host:",
        "host:0",
        "host:65536",
        ":1",
        "::1:8800",
        "unix:",
        "unix:vk.sock",
        "unix://vk.sock",
        "https://host",
        "ftp://host:1",
        "host:1/path",
        "http://host:1/path"
      })
  void refusesOthers(String text) {
    assertThrows(ConfigException.class, () -> Address.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost:1",
        "LOCALHOST:1",
        "127.0.0.1:1",
        "127.255.0.9:1",
        "[::1]:1",
        "unix:/vk.sock",
        "http://localhost:1"
      })
  void plainTextStaysOnTheMachine(String address) {
    assertFalse(config(nothing().address(address), Map.of()).tls);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "broker.example:1",
        "10.0.0.1:1",
        "127.0.0.1.example:1",
        "127.0.0.256:1",
        "[::2]:1",
        "http://broker.example:1",
        "localhost.example:1"
      })
  void plainTextToAnotherHostIsRefused(String address) {
    ConfigException error =
        assertThrows(ConfigException.class, () -> config(nothing().address(address), Map.of()));
    assertTrue(error.getMessage().contains("TLS"));
    assertTrue(error.getMessage().contains("insecurePlaintext"));
    assertFalse(config(nothing().address(address).insecurePlaintext(true), Map.of()).tls);
  }

  @Test
  void tlsIsMeantByAuthoritiesACertificateOrHttps() {
    assertTrue(config(nothing().address("a.example:1").tlsCa("system"), Map.of()).tls);
    assertTrue(config(nothing().address("a.example:1").tlsCertificate("/c", "/k"), Map.of()).tls);
    assertTrue(config(nothing().address("https://a.example:1"), Map.of()).tls);
    assertFalse(config(nothing().address("http://localhost:1").tlsCa("system"), Map.of()).tls);
    assertFalse(config(nothing().address("unix:/vk.sock").tlsCa("system"), Map.of()).tls);
  }

  @Test
  void halfACertificateIsRefused() {
    assertThrows(
        ConfigException.class, () -> config(nothing(), Map.of("VALETKEY_TLS_CERT", "/c.pem")));
    assertThrows(
        ConfigException.class,
        () -> config(nothing().tlsCertificate("/c", ""), Map.of("VALETKEY_TLS_KEY", "/key.pem")));
  }

  @Test
  void aFileThatIsNotThereIsRefused() {
    assertThrows(
        ConfigException.class,
        () -> nothing().environment(name -> null).tlsCa("/no/such/file").build());
  }

  @Test
  void aTimeoutIsMoreThanZero() {
    assertThrows(ConfigException.class, () -> nothing().timeout(Duration.ZERO));
  }
}
