package dev.valetkey;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** A client's options with the environment's and the defaults filled in, and checked. Immutable. */
final class Config {
  static final String SYSTEM = "system";

  final Address address;
  final String apiKey;
  final Names names;
  final boolean tls;

  /** A PEM file, or {@link #SYSTEM}; empty: the system's. */
  final String tlsCa;

  final String tlsCert;
  final String tlsKey;
  final String serverName;
  final Duration timeout;

  Config(ValetKeyClientBuilder given, UnaryOperator<String> environment) {
    UnaryOperator<String> variable =
        name -> {
          String value = environment.apply(name);
          return value == null ? "" : value;
        };
    address =
        Address.parse(or(or(given.address, variable.apply("VALETKEY_ADDRESS")), "127.0.0.1:8800"));
    apiKey = given.apiKey == null ? apiKey(variable) : checkedKey(given.apiKey, "the API key");
    names =
        new Names(
            given.application == null ? variable.apply("VALETKEY_APPLICATION") : given.application);
    tlsCa = given.tlsCa == null ? variable.apply("VALETKEY_TLS_CA") : given.tlsCa;
    // The pair belongs together: half of it is not taken from elsewhere.
    boolean pairGiven = given.tlsCert != null;
    tlsCert = pairGiven ? given.tlsCert : variable.apply("VALETKEY_TLS_CERT");
    tlsKey = pairGiven ? given.tlsKey : variable.apply("VALETKEY_TLS_KEY");
    if (tlsCert.isEmpty() != tlsKey.isEmpty()) {
      throw new ConfigException("a client certificate needs both the certificate and its key");
    }
    serverName = or(given.serverName, "");
    timeout = given.timeout;
    tls = usesTls();
    if (!tls && !address.isUnix() && !address.isLoopback() && !given.insecurePlaintext) {
      throw new ConfigException(
          "plain text to "
              + address
              + " is refused: use TLS (tlsCa, or https://), or allow it with"
              + " insecurePlaintext");
    }
  }

  private boolean usesTls() {
    if (address.isUnix()) {
      return false;
    }
    return address.tls() == null ? !tlsCa.isEmpty() || !tlsCert.isEmpty() : address.tls();
  }

  private static String or(String value, String other) {
    return value == null || value.isEmpty() ? other : value;
  }

  private static String apiKey(UnaryOperator<String> variable) {
    String key = variable.apply("VALETKEY_API_KEY");
    if (!key.isEmpty()) {
      return checkedKey(key, "VALETKEY_API_KEY");
    }
    String file = variable.apply("VALETKEY_API_KEY_FILE");
    if (file.isEmpty()) {
      return "";
    }
    try {
      return checkedKey(Files.readString(Path.of(file)), "VALETKEY_API_KEY_FILE");
    } catch (IOException e) {
      throw new ConfigException("VALETKEY_API_KEY_FILE cannot be read: " + e, e);
    }
  }

  /** A key that cannot be a header's value would fail each call with a riddle. */
  private static String checkedKey(String text, String from) {
    String key = text.strip();
    if (!key.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
      throw new ConfigException(from + " holds what is no API key");
    }
    return key;
  }
}
