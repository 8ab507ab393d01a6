package dev.valetkey;

/** Of this library, which is that of the server it was released with. */
final class Version {
  static final String TEXT = "0.1.0";

  private Version() {}
}
