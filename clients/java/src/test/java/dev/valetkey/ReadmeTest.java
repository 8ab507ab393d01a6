package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.testing.FakeValetKey;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's first example runs, and the others compile. */
class ReadmeTest {
  private static final String CLASS_PATH = System.getProperty("java.class.path");

  @TempDir Path folder;

  private static List<String> examples() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    return Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
        .matcher(readme)
        .results()
        .map((MatchResult block) -> block.group(1))
        .toList();
  }

  private void compile(String name, String text) throws IOException {
    Path file = Files.writeString(folder.resolve(name + ".java"), text);
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean good =
          compiler
              .getTask(
                  messages,
                  files,
                  null,
                  List.of("-proc:none", "-cp", CLASS_PATH, "-d", folder.toString()),
                  null,
                  files.getJavaFileObjects(file))
              .call();
      assertTrue(good, messages.toString());
    }
  }

  @Test
  void theFirstExampleRuns() throws IOException, InterruptedException {
    compile("Example", examples().get(0));
    try (FakeValetKey fake = FakeValetKey.builder().apiKey("vk_secret").start()) {
      fake.setToken("c-7", "secret", Duration.ofHours(1));
      ProcessBuilder builder =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  folder + java.io.File.pathSeparator + CLASS_PATH,
                  "Example")
              .redirectErrorStream(true);
      builder.environment().put("VALETKEY_ADDRESS", fake.address());
      builder.environment().put("VALETKEY_API_KEY", "vk_secret");
      builder.environment().put("VALETKEY_APPLICATION", "shop");
      Process process = builder.start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals("generation 1\n", output);
      assertEquals(0, process.waitFor());
    }
  }

  @Test
  void theOthersCompile() throws IOException {
    List<String> examples = examples();
    assertTrue(examples.size() > 5);
    StringBuilder text =
        new StringBuilder(
            """
            import dev.valetkey.*;
            import dev.valetkey.adapters.*;
            import dev.valetkey.testing.*;
            import dev.valetkey.v1.*;
            import dev.valetkey.Token;
            import java.net.*;
            import java.net.http.*;
            import java.time.Duration;
            import java.util.concurrent.CompletableFuture;

            class Others {
            """);
    for (int i = 1; i < examples.size(); i++) {
      boolean makesSource = examples.get(i).contains("TokenSource source =");
      text.append("  void example").append(i).append("(ValetKeyClient client");
      text.append(makesSource ? "" : ", TokenSource source").append(") throws Exception {\n");
      text.append(examples.get(i)).append("  }\n");
    }
    compile("Others", text.append("}\n").toString());
  }
}
