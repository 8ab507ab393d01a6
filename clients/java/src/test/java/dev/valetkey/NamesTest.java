package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {
  @ParameterizedTest
  @CsvSource({
    "c-7, applications/shop/connections/c-7",
    "other/c-7, applications/other/connections/c-7",
    "applications/x/connections/y, applications/x/connections/y",
    "applications/whatever, applications/whatever",
    "'', ''",
  })
  void makesFullNames(String name, String full) {
    assertEquals(full, new Names("shop").connection(name));
    assertEquals(full, new Names("applications/shop").connection(name));
  }

  @Test
  void ofProvidersKeysAndApplicationsToo() {
    Names names = new Names("shop");
    assertEquals("applications/shop/providers/pinterest", names.provider("pinterest"));
    assertEquals("applications/shop/keys/k-1", names.key("k-1"));
    assertEquals("applications/shop", names.application(""));
    assertEquals("applications/other", names.application("other"));
    assertEquals("applications/other", names.application("applications/other"));
    assertEquals("applications/shop", Names.applicationOf("applications/shop/connections/c-7"));
  }

  @Test
  void aShortNameNeedsAnApplication() {
    Names names = new Names("");
    assertThrows(ConfigException.class, () -> names.connection("c-7"));
    assertThrows(ConfigException.class, () -> names.application(""));
    assertEquals("applications/shop/connections/c-7", names.connection("shop/c-7"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/c-7", "shop/", "a/b/c"})
  void refusesWhatIsNoName(String name) {
    assertThrows(ConfigException.class, () -> new Names("shop").connection(name));
  }

  @Test
  void refusesWhatIsNoApplication() {
    assertThrows(ConfigException.class, () -> new Names("shop/connections"));
  }
}
