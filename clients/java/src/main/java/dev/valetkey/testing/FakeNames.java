package dev.valetkey.testing;

/** Names of resources. */
final class FakeNames {
  private FakeNames() {}

  static String applicationOf(String name) {
    String[] parts = name.split("/", 3);
    return parts.length < 2 ? name : parts[0] + "/" + parts[1];
  }
}
