package dev.valetkey.testing;

import dev.valetkey.v1.ErrorReason;
import java.util.List;
import java.util.Map;

/**
 * A page of a list.
 *
 * @param nextToken empty on the last
 */
record FakePages<T>(List<T> items, String nextToken) {
  private static final int DEFAULT_SIZE = 100;

  static <T> FakePages<T> of(List<T> all, int size, String token) {
    int from;
    try {
      from = token.isEmpty() ? 0 : Integer.parseInt(token);
    } catch (NumberFormatException e) {
      throw FakeErrors.error(ErrorReason.CURSOR_INVALID, Map.of());
    }
    int begin = Math.min(from, all.size());
    int end = Math.min(begin + (size == 0 ? DEFAULT_SIZE : size), all.size());
    return new FakePages<>(all.subList(begin, end), end == all.size() ? "" : String.valueOf(end));
  }
}
