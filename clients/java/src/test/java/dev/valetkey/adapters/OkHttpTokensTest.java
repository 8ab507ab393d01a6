package dev.valetkey.adapters;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.NotFoundException;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.ErrorReason;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;
import okio.BufferedSink;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class OkHttpTokensTest {
  private FakeValetKey fake;
  private ValetKeyClient client;
  private TokenSource source;
  private ProviderServer provider;
  private ProviderServer elsewhere;
  private OkHttpClient http;

  @BeforeEach
  void start() throws IOException {
    fake = FakeValetKey.start();
    fake.setToken("c-7", "good", Duration.ofHours(1));
    client = fake.client();
    source = client.tokenSource("c-7");
    provider = new ProviderServer("good");
    elsewhere = new ProviderServer(null);
    http = OkHttpTokens.install(new OkHttpClient.Builder(), source).build();
  }

  @AfterEach
  void stop() {
    http.dispatcher().executorService().shutdown();
    http.connectionPool().evictAll();
    elsewhere.close();
    provider.close();
    client.close();
    fake.close();
  }

  private int send(Request request) throws IOException {
    try (Response response = http.newCall(request).execute()) {
      return response.code();
    }
  }

  private static Request get(URI uri) {
    return new Request.Builder().url(uri.toString()).build();
  }

  private Request post(RequestBody body) {
    return new Request.Builder().url(provider.uri("/pins").toString()).post(body).build();
  }

  private void refuseTheFirst() {
    source.token();
    provider.goodToken = "fake-c-7-2";
  }

  @Test
  void setsTheHeader() throws IOException {
    assertEquals(200, send(get(provider.uri("/pins"))));
    assertEquals("Bearer good", provider.seen.get(0).authorization());
  }

  @Test
  void repeatsARefusedRequestOnceWithANewToken() throws IOException {
    refuseTheFirst();
    assertEquals(200, send(post(RequestBody.create("body", MediaType.get("text/plain")))));
    assertEquals("body", provider.seen.get(1).body());
    assertEquals(2, provider.seen.size());
  }

  @Test
  void repeatsItOnceOnly() throws IOException {
    provider.goodToken = "none";
    assertEquals(401, send(get(provider.uri("/pins"))));
    assertEquals(2, provider.seen.size());
    assertEquals(3, source.token().generation());
  }

  @Test
  void returnsTheRefusalIfTheBodyIsOneShot() throws IOException {
    refuseTheFirst();
    RequestBody once =
        new RequestBody() {
          @Override
          public MediaType contentType() {
            return MediaType.get("text/plain");
          }

          @Override
          public boolean isOneShot() {
            return true;
          }

          @Override
          public void writeTo(BufferedSink sink) throws IOException {
            sink.writeUtf8("body");
          }
        };
    assertEquals(401, send(post(once)));
    assertEquals(1, provider.seen.size());
    assertEquals(2, source.token().generation());
  }

  @Test
  void returnsTheRefusalIfThereIsNoNewToken() throws IOException {
    refuseTheFirst();
    fake.fail("GetToken", ErrorReason.REAUTHORIZATION_REQUIRED, 1, null);
    assertEquals(401, send(get(provider.uri("/pins"))));
    assertEquals(1, provider.seen.size());
  }

  @Test
  void takesNoTokenAlongToAnotherHost() throws IOException {
    // Another host by name is another host, on whatever machine.
    URI other = URI.create(elsewhere.uri("/").toString().replace("127.0.0.1", "localhost"));
    assertEquals(200, send(get(provider.redirect(302, other))));
    assertEquals("", elsewhere.seen.get(0).authorization());
    elsewhere.goodToken = "its own";
    assertEquals(401, send(get(provider.redirect(302, other))));
    assertEquals(2, elsewhere.seen.size());
    assertEquals("", elsewhere.seen.get(1).authorization());
    assertEquals(1, source.token().generation());
  }

  @Test
  void sendsNothingWithoutAToken() {
    http = OkHttpTokens.install(new OkHttpClient.Builder(), client.tokenSource("c-8")).build();
    IOException error = assertThrows(IOException.class, () -> send(get(provider.uri("/pins"))));
    assertInstanceOf(NotFoundException.class, error.getCause());
    assertTrue(provider.seen.isEmpty());
  }
}
