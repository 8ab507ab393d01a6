package dev.valetkey;

import java.time.Duration;
import java.util.Objects;
import java.util.function.UnaryOperator;

/**
 * The options of a client. What is not given comes from the environment, or else the default. Not
 * thread-safe.
 */
public final class ValetKeyClientBuilder {
  String address;
  String apiKey;
  String application;
  String tlsCa;
  String tlsCert;
  String tlsKey;
  String serverName;
  boolean insecurePlaintext;
  Duration timeout = Duration.ofSeconds(30);
  private UnaryOperator<String> environment = System::getenv;
  private Timing timing;

  ValetKeyClientBuilder() {}

  /**
   * Where ValetKey listens: {@code host:port}, {@code unix:/path}, {@code https://host:port} (TLS)
   * or {@code http://host:port} (none). Environment: {@code VALETKEY_ADDRESS}. Default: {@code
   * 127.0.0.1:8800}.
   *
   * @param address in one of these forms
   * @return this
   */
  public ValetKeyClientBuilder address(String address) {
    this.address = Objects.requireNonNull(address);
    return this;
  }

  /**
   * The secret of an API key, sent with each call. Environment: {@code VALETKEY_API_KEY}, or {@code
   * VALETKEY_API_KEY_FILE}, a file that holds it. Default: none.
   *
   * @param apiKey such as {@code vk_...}; empty for none
   * @return this
   */
  public ValetKeyClientBuilder apiKey(String apiKey) {
    this.apiKey = Objects.requireNonNull(apiKey);
    return this;
  }

  /**
   * The application that short names belong to. Environment: {@code VALETKEY_APPLICATION}. Default:
   * none.
   *
   * @param application {@code shop} or {@code applications/shop}
   * @return this
   */
  public ValetKeyClientBuilder application(String application) {
    this.application = Objects.requireNonNull(application);
    return this;
  }

  /**
   * Whose certificates the server may have; means TLS where the address does not say. Environment:
   * {@code VALETKEY_TLS_CA}. Default: none.
   *
   * @param tlsCa a PEM file, or {@code system}
   * @return this
   */
  public ValetKeyClientBuilder tlsCa(String tlsCa) {
    this.tlsCa = Objects.requireNonNull(tlsCa);
    return this;
  }

  /**
   * The client's own certificate; means TLS where the address does not say. Environment: {@code
   * VALETKEY_TLS_CERT} and {@code VALETKEY_TLS_KEY}. Default: none.
   *
   * @param certificate a PEM file
   * @param key a PEM file: PKCS #8, not encrypted
   * @return this
   */
  public ValetKeyClientBuilder tlsCertificate(String certificate, String key) {
    this.tlsCert = Objects.requireNonNull(certificate);
    this.tlsKey = Objects.requireNonNull(key);
    return this;
  }

  /**
   * The name that the server's certificate must have. Default: the address's host.
   *
   * @param serverName a host name
   * @return this
   */
  public ValetKeyClientBuilder serverName(String serverName) {
    this.serverName = Objects.requireNonNull(serverName);
    return this;
  }

  /**
   * Allows plain text to a host that is not this machine: whoever is in between reads the API key
   * and the tokens. Default: off.
   *
   * @param insecurePlaintext whether to allow it
   * @return this
   */
  public ValetKeyClientBuilder insecurePlaintext(boolean insecurePlaintext) {
    this.insecurePlaintext = insecurePlaintext;
    return this;
  }

  /**
   * How long a call with its retries may take; see {@link ValetKeyClient#withTimeout}. Default: 30
   * s.
   *
   * @param timeout more than zero
   * @return this
   */
  public ValetKeyClientBuilder timeout(Duration timeout) {
    this.timeout = Checks.positive(timeout);
    return this;
  }

  /** In place of the process's environment. */
  ValetKeyClientBuilder environment(UnaryOperator<String> environment) {
    this.environment = environment;
    return this;
  }

  /** In place of the machine's clocks and chance. */
  ValetKeyClientBuilder timing(Timing timing) {
    this.timing = timing;
    return this;
  }

  /**
   * Makes the client. Connects to nothing yet.
   *
   * @return a client, to be closed
   * @throws ConfigException if the options cannot be, or would send secrets in plain text
   */
  public ValetKeyClient build() {
    Config config = new Config(this, environment);
    return new ValetKeyClient(new Core(config, timing), config.timeout);
  }
}
