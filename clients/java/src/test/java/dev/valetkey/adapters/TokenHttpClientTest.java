package dev.valetkey.adapters;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.valetkey.NotFoundException;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.GetTokenRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Redirect;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenHttpClientTest {
  private final HttpClient plain = HttpClient.newHttpClient();
  private FakeValetKey fake;
  private ValetKeyClient client;
  private TokenSource source;
  private ProviderServer provider;
  private ProviderServer elsewhere;
  private HttpClient http;

  @BeforeEach
  void start() throws IOException {
    fake = FakeValetKey.start();
    fake.setToken("c-7", "good", Duration.ofHours(1));
    client = fake.client();
    source = client.tokenSource("c-7");
    provider = new ProviderServer("good");
    elsewhere = new ProviderServer(null);
    http = TokenHttpClient.of(plain, source, Redirect.NORMAL);
  }

  @AfterEach
  void stop() {
    elsewhere.close();
    provider.close();
    client.close();
    fake.close();
  }

  private static HttpRequest get(URI uri) {
    return HttpRequest.newBuilder(uri).build();
  }

  private HttpResponse<String> send(HttpRequest request) throws IOException, InterruptedException {
    return http.send(request, BodyHandlers.ofString());
  }

  private HttpRequest post(HttpRequest.BodyPublisher body) {
    return HttpRequest.newBuilder(provider.uri("/pins")).POST(body).build();
  }

  /** The token that the provider takes is the successor of the one in memory. */
  private void refuseTheFirst() {
    source.token();
    provider.goodToken = "fake-c-7-2";
  }

  @Test
  void setsTheHeader() throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(provider.uri("/pins"))
            .header("Authorization", "Bearer mine")
            .header("X-Other", "kept")
            .build();
    assertEquals(200, send(request).statusCode());
    assertEquals("Bearer good", provider.seen.get(0).authorization());
  }

  @Test
  void usesTheTokensType() throws Exception {
    fake.setNamedToken(
        "c-7",
        "",
        dev.valetkey.v1.Token.newBuilder().setAccessToken("t").setTokenType("MAC").build());
    send(get(provider.uri("/pins")));
    assertEquals("MAC t", provider.seen.get(0).authorization());
  }

  @Test
  void repeatsARefusedRequestOnceWithANewToken() throws Exception {
    refuseTheFirst();
    HttpResponse<String> response = send(post(BodyPublishers.ofString("body")));
    assertEquals(200, response.statusCode());
    assertEquals("200 body", response.body());
    assertEquals("body", provider.seen.get(0).body());
    assertEquals(2, provider.seen.size());
    GetTokenRequest last = (GetTokenRequest) fake.requests("GetToken").get(1);
    assertEquals(1, last.getRejectedGeneration());
  }

  @Test
  void repeatsItOnceOnly() throws Exception {
    provider.goodToken = "none";
    assertEquals(401, send(get(provider.uri("/pins"))).statusCode());
    assertEquals(2, provider.seen.size());
    // The second one was refused as well: it is not used again.
    assertEquals(3, source.token().generation());
  }

  @Test
  void returnsTheRefusalIfTheBodyIsAStream() throws Exception {
    refuseTheFirst();
    InputStream once = new ByteArrayInputStream("body".getBytes(StandardCharsets.UTF_8));
    HttpResponse<String> response = send(post(BodyPublishers.ofInputStream(() -> once)));
    assertEquals(401, response.statusCode());
    assertEquals("401 body", response.body());
    assertEquals(1, provider.seen.size());
    assertEquals(2, source.token().generation());
  }

  @Test
  void returnsTheRefusalIfThereIsNoNewToken() throws Exception {
    refuseTheFirst();
    fake.fail("GetToken", ErrorReason.REAUTHORIZATION_REQUIRED, 1, null);
    HttpResponse<InputStream> response =
        http.send(get(provider.uri("/pins")), BodyHandlers.ofInputStream());
    assertEquals(401, response.statusCode());
    assertEquals("401 ", new String(response.body().readAllBytes(), StandardCharsets.UTF_8));
    assertEquals(1, provider.seen.size());
  }

  @Test
  void letsGoOfTheBodyOfTheRefusal() throws Exception {
    refuseTheFirst();
    try (InputStream body =
        http.send(get(provider.uri("/pins")), BodyHandlers.ofInputStream()).body()) {
      assertEquals("200 ", new String(body.readAllBytes(), StandardCharsets.UTF_8));
    }
    provider.goodToken = "fake-c-7-3";
    assertEquals(
        200, http.send(get(provider.uri("/pins")), BodyHandlers.ofPublisher()).statusCode());
  }

  @Test
  void followsARedirectWithinTheHostWithTheToken() throws Exception {
    assertEquals(200, send(get(provider.redirect(302, provider.uri("/moved")))).statusCode());
    assertEquals("Bearer good", provider.seen.get(1).authorization());
  }

  @ParameterizedTest
  @ValueSource(ints = {301, 302, 303, 307, 308})
  void takesNoTokenAlongToAnotherHost(int status) throws Exception {
    assertEquals(200, send(get(provider.redirect(status, elsewhere.uri("/")))).statusCode());
    assertEquals("Bearer good", provider.seen.get(0).authorization());
    assertEquals("", elsewhere.seen.get(0).authorization());
  }

  @Test
  void norBackFromAnotherHost() throws Exception {
    URI back = elsewhere.redirect(302, provider.uri("/moved"));
    assertEquals(401, send(get(provider.redirect(302, back))).statusCode());
    assertEquals("", provider.seen.get(1).authorization());
    assertEquals(1, source.token().generation());
  }

  @Test
  void aRefusalByAnotherHostSaysNothingOfTheToken() throws Exception {
    elsewhere.goodToken = "its own";
    assertEquals(401, send(get(provider.redirect(302, elsewhere.uri("/")))).statusCode());
    assertEquals(1, elsewhere.seen.size());
    assertEquals(1, source.token().generation());
  }

  @Test
  void aRedirectedPostBecomesAGetOrIsSentAgain() throws Exception {
    HttpRequest.BodyPublisher body = BodyPublishers.ofString("body");
    URI see = provider.redirect(303, provider.uri("/moved"));
    send(HttpRequest.newBuilder(see).POST(body).build());
    assertEquals(new ProviderServer.Seen("GET", "/moved", "Bearer good", ""), provider.seen.get(1));
    URI again = provider.redirect(307, provider.uri("/moved"));
    send(HttpRequest.newBuilder(again).POST(body).build());
    assertEquals(
        new ProviderServer.Seen("POST", "/moved", "Bearer good", "body"), provider.seen.get(3));
  }

  @Test
  void followsFiveRedirectsAtMost() throws Exception {
    assertEquals(302, send(get(provider.uri("/loop"))).statusCode());
    assertEquals(6, provider.seen.size());
  }

  @Test
  void followsNoneUnlessItIsTold() throws Exception {
    http = TokenHttpClient.of(plain, source);
    assertEquals(302, send(get(provider.redirect(302, elsewhere.uri("/")))).statusCode());
    assertTrue(elsewhere.seen.isEmpty());
  }

  @Test
  void refusesAClientThatWouldTakeTheTokenAlong() {
    HttpClient following = HttpClient.newBuilder().followRedirects(Redirect.NORMAL).build();
    assertThrows(IllegalArgumentException.class, () -> TokenHttpClient.of(following, source));
  }

  @Test
  void sendsNothingWithoutAToken() {
    http = TokenHttpClient.of(plain, client.tokenSource("c-8"));
    assertThrows(NotFoundException.class, () -> send(get(provider.uri("/pins"))));
    assertTrue(provider.seen.isEmpty());
  }

  @Test
  void failsAsTheClientDoes() {
    URI closed = provider.uri("/pins");
    provider.close();
    assertThrows(ConnectException.class, () -> send(get(closed)));
  }

  @Test
  void hasTheOptionsOfTheClient() {
    assertEquals(plain.version(), http.version());
    assertEquals(plain.connectTimeout(), http.connectTimeout());
    assertEquals(plain.cookieHandler(), http.cookieHandler());
    assertEquals(plain.proxy(), http.proxy());
    assertEquals(plain.authenticator(), http.authenticator());
    assertEquals(plain.executor(), http.executor());
    assertEquals(plain.sslContext(), http.sslContext());
    assertEquals(
        plain.sslParameters().getProtocols().length, http.sslParameters().getProtocols().length);
    assertEquals(Redirect.NORMAL, http.followRedirects());
    assertFalse(http.toString().contains("good"));
  }
}
