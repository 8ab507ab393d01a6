package dev.valetkey;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.FieldMask;
import dev.valetkey.v1.Application;
import dev.valetkey.v1.AuthorizeRequest;
import dev.valetkey.v1.AuthorizeResponse;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ConnectionState;
import dev.valetkey.v1.CreateApplicationRequest;
import dev.valetkey.v1.CreateKeyRequest;
import dev.valetkey.v1.CreateProviderRequest;
import dev.valetkey.v1.ExchangeRequest;
import dev.valetkey.v1.ExchangeResponse;
import dev.valetkey.v1.GetTokenRequest;
import dev.valetkey.v1.Key;
import dev.valetkey.v1.ListApplicationsRequest;
import dev.valetkey.v1.ListCatalogEntriesRequest;
import dev.valetkey.v1.ListConnectionsRequest;
import dev.valetkey.v1.ListKeysRequest;
import dev.valetkey.v1.ListProvidersRequest;
import dev.valetkey.v1.Provider;
import dev.valetkey.v1.RefreshRequest;
import dev.valetkey.v1.RevocationResult;
import dev.valetkey.v1.RevokeResponse;
import dev.valetkey.v1.Right;
import dev.valetkey.v1.UpdateApplicationRequest;
import dev.valetkey.v1.UpdateProviderRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Each call of the contract, by its blocking form, which rests on the other. */
class ClientTest extends FakeTest {
  private AuthorizeResponse begin() {
    return client.authorize(
        AuthorizeRequest.newBuilder()
            .setProvider("pinterest")
            .setSubject("ann")
            .addScopes("pins:read")
            .putLabels("plan", "gold")
            .build());
  }

  @Test
  void connects() {
    AuthorizeResponse begun = begin();
    assertTrue(begun.getAuthorizationUri().contains(begun.getState()));
    ExchangeRequest came =
        ExchangeRequest.newBuilder().setState(begun.getState()).setCode("any").build();
    ExchangeResponse done = client.exchange(came);
    assertEquals(begun.getConnection(), done.getConnection());
    assertEquals(done, client.exchange(came));
    Connection connection = client.connections().get(done.getConnection());
    assertEquals("ann", connection.getSubject());
    assertEquals("applications/shop/providers/pinterest", connection.getProvider());
    assertEquals(Map.of("plan", "gold"), connection.getLabelsMap());
    assertEquals(List.of("pins:read"), client.getToken(done.getConnection()).scopes());
  }

  @Test
  void tellsThatThePersonDeclined() {
    ExchangeRequest declined =
        ExchangeRequest.newBuilder().setState(begin().getState()).setError("access_denied").build();
    ConsentDeniedException error =
        assertThrows(ConsentDeniedException.class, () -> client.exchange(declined));
    assertEquals("access_denied", error.metadata().get("provider_error"));
    InvalidArgumentException unknown =
        assertThrows(
            InvalidArgumentException.class,
            () -> client.exchange(ExchangeRequest.newBuilder().setState("x").build()));
    assertEquals("AUTHORIZATION_STATE_INVALID", unknown.reason());
  }

  @Test
  void consentsAgainWithTheErrorsOwnRequest() {
    fake.setToken("c-7", "one", Duration.ofHours(1));
    fake.requireReauthorization("c-7");
    ReauthorizationRequiredException error =
        assertThrows(ReauthorizationRequiredException.class, () -> client.getToken("c-7"));
    AuthorizeResponse begun = client.authorize(error.authorizeRequest());
    assertEquals(CONNECTION, begun.getConnection());
    client.exchange(ExchangeRequest.newBuilder().setState(begun.getState()).setCode("x").build());
    assertEquals(2, client.getToken("c-7").generation());
  }

  @Test
  void getsTokensWithConditions() {
    fake.setToken("c-7", "one", Duration.ofHours(1));
    GetTokenRequest request = GetTokenRequest.newBuilder().setName("c-7").build();
    assertEquals("one", client.getToken(request).accessToken());
    assertEquals(
        2, client.getToken(request.toBuilder().setRejectedGeneration(1).build()).generation());
    assertEquals(3, client.getToken(request.toBuilder().setMinGeneration(3).build()).generation());
  }

  @Test
  void refreshes() {
    fake.setToken("c-7", "one", Duration.ofHours(1));
    RefreshRequest request = RefreshRequest.newBuilder().setName("shop/c-7").build();
    assertEquals(2, client.refresh(request).generation());
    assertEquals(2, client.refresh(request.toBuilder().setGeneration(1).build()).generation());
  }

  @Test
  void revokes() {
    fake.setToken("c-7", "one", Duration.ofHours(1));
    RevokeResponse revoked = client.revoke("c-7");
    assertTrue(revoked.getCopyDestroyed());
    assertEquals(RevocationResult.REVOCATION_RESULT_REVOKED, revoked.getTokens(0).getResult());
    assertThrows(ConnectionRevokedException.class, () -> client.getToken("c-7"));
  }

  @Test
  void walksAllPagesOfAList() {
    for (int i = 10; i < 35; i++) {
      fake.setToken("c-" + i, "secret", null);
    }
    List<String> names = new ArrayList<>();
    ListConnectionsRequest ten = ListConnectionsRequest.newBuilder().setPageSize(10).build();
    Iterable<Connection> all = client.connections().list(ten);
    all.forEach(connection -> names.add(connection.getName()));
    assertEquals(25, names.size());
    assertEquals("applications/shop/connections/c-34", names.get(24));
    assertEquals(3, fake.calls("ListConnections"));
    assertTrue(all.iterator().hasNext());
    assertEquals(4, fake.calls("ListConnections"));
    ListConnectionsRequest none = ten.toBuilder().setSubject("nobody").build();
    assertFalse(client.connections().list(none).iterator().hasNext());
  }

  @Test
  void managesConnections() {
    fake.setToken("c-7", "one", null);
    Connection connection = client.connections().get("c-7");
    assertEquals(ConnectionState.CONNECTION_STATE_ACTIVE, connection.getState());
    Connection labelled =
        client.connections().updateLabels("c-7", Map.of("a", "b"), connection.getEtag());
    assertEquals(Map.of("a", "b"), labelled.getLabelsMap());
    ValetKeyException stale =
        assertThrows(
            ValetKeyException.class,
            () -> client.connections().delete("c-7", connection.getEtag()));
    assertEquals("ETAG_MISMATCH", stale.reason());
    client.connections().delete("c-7", labelled.getEtag());
    assertThrows(NotFoundException.class, () -> client.connections().get("c-7"));
  }

  @Test
  void managesProviders() {
    Provider wanted =
        Provider.newBuilder()
            .setCatalogEntry("catalog/pinterest")
            .setClientId("id")
            .setClientSecret("canary")
            .build();
    Provider made =
        client
            .providers()
            .create(
                CreateProviderRequest.newBuilder()
                    .setProviderId("pinterest")
                    .setProvider(wanted)
                    .build());
    assertEquals("applications/shop/providers/pinterest", made.getName());
    assertTrue(made.getClientSecretSet());
    assertEquals(made, client.providers().get("pinterest"));
    assertEquals(
        made, client.providers().list(ListProvidersRequest.getDefaultInstance()).iterator().next());
    Provider changed =
        client
            .providers()
            .update(
                UpdateProviderRequest.newBuilder()
                    .setProvider(Provider.newBuilder().setName("pinterest").setClientId("other"))
                    .setUpdateMask(FieldMask.newBuilder().addPaths("client_id"))
                    .build());
    assertEquals("other", changed.getClientId());
    client.providers().delete("pinterest", "");
    assertThrows(NotFoundException.class, () -> client.providers().get("pinterest"));
    assertEquals(
        "catalog/pinterest",
        client
            .providers()
            .listCatalog(ListCatalogEntriesRequest.getDefaultInstance())
            .iterator()
            .next()
            .getName());
    assertEquals(
        "Pinterest",
        client.providers().getCatalogEntry("pinterest").getDefinition().getDisplayName());
  }

  @Test
  void managesApplicationsAndKeys() {
    Application made =
        client
            .applications()
            .create(CreateApplicationRequest.newBuilder().setApplicationId("other").build());
    assertEquals("applications/other", made.getName());
    assertEquals(made, client.applications().get("other"));
    assertEquals("applications/shop", client.applications().get("").getName());
    Application changed =
        client
            .applications()
            .update(
                UpdateApplicationRequest.newBuilder()
                    .setApplication(Application.newBuilder().setDisplayName("Shop"))
                    .setUpdateMask(FieldMask.newBuilder().addPaths("display_name"))
                    .build());
    assertEquals("Shop", changed.getDisplayName());
    List<String> names = new ArrayList<>();
    client
        .applications()
        .list(ListApplicationsRequest.newBuilder().setPageSize(1).build())
        .forEach(application -> names.add(application.getName()));
    assertEquals(List.of("applications/other", "applications/shop"), names);
    NewKey key =
        client
            .applications()
            .createKey(CreateKeyRequest.newBuilder().addRights(Right.RIGHT_READ_TOKENS).build());
    assertTrue(key.secret().startsWith("vk_"));
    assertEquals(
        key.key(),
        client.applications().listKeys(ListKeysRequest.getDefaultInstance()).iterator().next());
    Key revoked = client.applications().revokeKey("k-1");
    assertTrue(revoked.hasRevokeTime());
    client.applications().delete("other", "");
    assertThrows(NotFoundException.class, () -> client.applications().get("other"));
  }

  @Test
  void refusesAShortNameBeforeAnythingIsSent() {
    try (ValetKeyClient unknown =
        ValetKeyClient.builder().address(fake.address()).environment(name -> null).build()) {
      assertThrows(ConfigException.class, () -> unknown.getToken("c-7"));
      assertThrows(ConfigException.class, unknown::watch);
      assertThrows(ConfigException.class, () -> unknown.tokenSource("c-7"));
    }
    assertEquals(0, fake.calls("GetToken"));
  }

  @Test
  void sendsItsKey() {
    try (dev.valetkey.testing.FakeValetKey strict =
        dev.valetkey.testing.FakeValetKey.builder().apiKey("vk_good").start()) {
      strict.setToken("c-7", "secret", null);
      try (ValetKeyClient good = strict.client()) {
        assertEquals("secret", good.getToken("c-7").accessToken());
        assertTrue(good.watch().next().hasCheckpoint());
      }
      try (ValetKeyClient bad = strict.clientBuilder().apiKey("vk_bad").build()) {
        UnauthenticatedException error =
            assertThrows(UnauthenticatedException.class, () -> bad.getToken("c-7"));
        assertEquals("API_KEY_INVALID", error.reason());
      }
      try (ValetKeyClient none = strict.clientBuilder().apiKey("").build()) {
        assertEquals(
            "API_KEY_MISSING",
            assertThrows(UnauthenticatedException.class, () -> none.getToken("c-7")).reason());
      }
    }
  }
}
