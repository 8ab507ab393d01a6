package dev.valetkey;

/** Makes full names out of short ones. Immutable. */
final class Names {
  private static final String ROOT = "applications/";

  private final String application;

  /** Takes {@code shop} or {@code applications/shop}; empty if it is not known. */
  Names(String application) {
    String id = application.startsWith(ROOT) ? application.substring(ROOT.length()) : application;
    if (id.contains("/")) {
      throw new ConfigException(
          "the application is like shop or applications/shop, not \"" + application + "\"");
    }
    this.application = id.isEmpty() ? "" : ROOT + id;
  }

  /** The application of a connection, a provider or a key. */
  static String applicationOf(String name) {
    int end = name.indexOf('/', ROOT.length());
    return end < 0 ? name : name.substring(0, end);
  }

  /** The given application, or the client's own if none is given. */
  String application(String name) {
    if (!name.isEmpty()) {
      return name.startsWith(ROOT) ? name : ROOT + name;
    }
    return known("this call");
  }

  String connection(String name) {
    return child(name, "connections");
  }

  String provider(String name) {
    return child(name, "providers");
  }

  String key(String name) {
    return child(name, "keys");
  }

  /** An empty name stays so, for the server to tell which field it was. */
  private String child(String name, String collection) {
    if (name.isEmpty() || name.startsWith(ROOT)) {
      return name;
    }
    int slash = name.indexOf('/');
    if (slash < 0) {
      return known("the short name \"" + name + "\"") + "/" + collection + "/" + name;
    }
    if (slash == 0 || slash == name.length() - 1 || name.indexOf('/', slash + 1) >= 0) {
      throw new ConfigException("no name of one of the " + collection + ": \"" + name + "\"");
    }
    return ROOT + name.substring(0, slash) + "/" + collection + "/" + name.substring(slash + 1);
  }

  private String known(String what) {
    if (application.isEmpty()) {
      throw new ConfigException(
          what + " needs an application: set it, or VALETKEY_APPLICATION, or give the full name");
    }
    return application;
  }
}
