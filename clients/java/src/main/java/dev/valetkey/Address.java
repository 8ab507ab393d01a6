package dev.valetkey;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where ValetKey listens.
 *
 * @param path of a Unix socket; empty for a host and a port
 * @param tls null where the form leaves it to the other options
 */
record Address(String host, int port, String path, Boolean tls) {
  private static final Pattern HOST_PORT = Pattern.compile("(\\[[^]/]+]|[^:/\\[\\]]+):(\\d{1,5})");
  private static final Pattern LOOPBACK_V4 =
      Pattern.compile("127(\\.(25[0-5]|2[0-4]\\d|1?\\d?\\d)){3}");

  static Address parse(String text) {
    if (text.startsWith("unix:")) {
      return unix(text);
    }
    if (text.startsWith("https://")) {
      return hostPort(text, text.substring("https://".length()), true);
    }
    if (text.startsWith("http://")) {
      return hostPort(text, text.substring("http://".length()), false);
    }
    return hostPort(text, text, null);
  }

  private static Address unix(String text) {
    String path = text.substring("unix:".length());
    if (path.startsWith("//")) {
      path = path.substring(2);
    }
    if (!path.startsWith("/")) {
      throw invalid(text);
    }
    return new Address("", 0, path, null);
  }

  private static Address hostPort(String text, String rest, Boolean tls) {
    String authority =
        rest.endsWith("/") && tls != null ? rest.substring(0, rest.length() - 1) : rest;
    Matcher parts = HOST_PORT.matcher(authority);
    if (!parts.matches()) {
      throw invalid(text);
    }
    int port = Integer.parseInt(parts.group(2));
    if (port == 0 || port > 65_535) {
      throw invalid(text);
    }
    String host = parts.group(1);
    if (host.startsWith("[")) {
      host = host.substring(1, host.length() - 1);
    }
    return new Address(host, port, "", tls);
  }

  private static ConfigException invalid(String text) {
    return new ConfigException(
        "the address is host:port, unix:/path, https://host:port or http://host:port, not \""
            + text
            + "\"");
  }

  boolean isUnix() {
    return !path.isEmpty();
  }

  /** By its form alone: no name is looked up. */
  boolean isLoopback() {
    return host.equalsIgnoreCase("localhost")
        || host.equals("::1")
        || LOOPBACK_V4.matcher(host).matches();
  }

  /** As a person reads it. */
  @Override
  public String toString() {
    if (isUnix()) {
      return "unix:" + path;
    }
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
  }
}
