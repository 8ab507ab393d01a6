package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class HeldTest {
  /** At the second 0; times in seconds, negative for none. */
  private static Held held(long generation, long expires, long refresh) {
    dev.valetkey.v1.Token.Builder token =
        dev.valetkey.v1.Token.newBuilder().setGeneration(generation);
    if (expires >= 0) {
      token.setExpireTime(Timestamp.newBuilder().setSeconds(expires));
    }
    if (refresh >= 0) {
      token.setRefreshTime(Timestamp.newBuilder().setSeconds(refresh));
    }
    return Held.of(Token.of(token.build()), 0);
  }

  @Test
  void isUsableWhileItLivesTwoSecondsLonger() {
    Held held = held(1, 10, -1);
    assertTrue(held.isUsable(8000));
    assertFalse(held.isUsable(8001));
    assertTrue(held(1, -1, -1).isUsable(Long.MAX_VALUE));
    assertFalse(held.rejected().isUsable(0));
  }

  @Test
  void isAliveToItsEnd() {
    assertTrue(held(1, 10, -1).isAlive(9999));
    assertFalse(held(1, 10, -1).isAlive(10_000));
    assertFalse(held(1, 10, -1).rejected().isAlive(0));
    assertTrue(held(1, -1, -1).isAlive(Long.MAX_VALUE - 1));
    assertFalse(held(1, -1, -1).rejected().isAlive(0));
  }

  @Test
  void onlyAHigherGenerationOrALaterExpiryReplaces() {
    Held held = held(5, 100, -1);
    assertTrue(held.replaces(null));
    assertTrue(held(6, 50, -1).replaces(held));
    assertTrue(held(5, 101, -1).replaces(held));
    assertTrue(held(5, -1, -1).replaces(held));
    assertFalse(held(5, 100, -1).replaces(held));
    assertFalse(held(5, 99, -1).replaces(held));
    assertFalse(held(4, 1000, -1).replaces(held));
  }

  @Test
  void refreshesAtTheRefreshTimeAndUpToATenthOfWhatIsLeft() {
    Held held = held(1, 100, 60);
    assertEquals(Duration.ofSeconds(60), held.untilRefresh(0, false, 0));
    assertEquals(Duration.ofSeconds(62), held.untilRefresh(0, false, 0.5));
    assertEquals(Duration.ofSeconds(50), held.untilRefresh(10_000, true, 0));
  }

  @Test
  void refreshesAtFourFifthsOfItsLifeIfNoTimeIsGiven() {
    assertEquals(Duration.ofSeconds(80), held(1, 100, -1).untilRefresh(0, false, 0));
    assertEquals(Duration.ofSeconds(81), held(1, 100, -1).untilRefresh(0, false, 0.5));
  }

  @Test
  void asksAgainAfterATenthOfWhatIsLeftAndAtLeastASecond() {
    Held held = held(1, 100, 60);
    assertEquals(Duration.ofSeconds(3), held.untilRefresh(70_000, true, 0.9));
    assertEquals(Duration.ofSeconds(1), held.untilRefresh(95_000, true, 0.9));
  }

  @Test
  void asksAtOnceForANewTokenWhoseTimeHasCome() {
    assertEquals(Duration.ZERO, held(1, 100, 60).untilRefresh(70_000, false, 0));
  }

  @Test
  void needsNoTimerWithoutAnExpiryOrAfterIt() {
    assertNull(held(1, -1, -1).untilRefresh(0, false, 0));
    assertNull(held(1, -1, 60).untilRefresh(0, false, 0));
    assertNull(held(1, 100, 60).untilRefresh(100_000, true, 0));
  }
}
