package dev.valetkey;

import dev.valetkey.v1.Application;
import dev.valetkey.v1.ApplicationServiceGrpc;
import dev.valetkey.v1.CreateApplicationRequest;
import dev.valetkey.v1.CreateApplicationResponse;
import dev.valetkey.v1.CreateKeyRequest;
import dev.valetkey.v1.DeleteApplicationRequest;
import dev.valetkey.v1.GetApplicationRequest;
import dev.valetkey.v1.GetApplicationResponse;
import dev.valetkey.v1.Key;
import dev.valetkey.v1.ListApplicationsRequest;
import dev.valetkey.v1.ListApplicationsResponse;
import dev.valetkey.v1.ListKeysRequest;
import dev.valetkey.v1.ListKeysResponse;
import dev.valetkey.v1.RevokeKeyRequest;
import dev.valetkey.v1.RevokeKeyResponse;
import dev.valetkey.v1.UpdateApplicationRequest;
import dev.valetkey.v1.UpdateApplicationResponse;
import java.util.concurrent.CompletableFuture;

/** The calls about applications and their API keys. Thread-safe. */
public final class Applications {
  private final Caller caller;

  Applications(Caller caller) {
    this.caller = caller;
  }

  /**
   * Makes an application.
   *
   * @param request its id and display name
   * @return the application
   */
  public Application create(CreateApplicationRequest request) {
    return Calls.await(createAsync(request));
  }

  /**
   * As {@link #create}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<Application> createAsync(CreateApplicationRequest request) {
    return caller.start(
        ApplicationServiceGrpc.getCreateApplicationMethod(),
        request,
        CreateApplicationResponse::getApplication);
  }

  /**
   * One application.
   *
   * @param name of the application; empty: the client's
   * @return the application
   */
  public Application get(String name) {
    return Calls.await(getAsync(name));
  }

  /**
   * As {@link #get}.
   *
   * @param name as there
   * @return as there
   */
  public CompletableFuture<Application> getAsync(String name) {
    GetApplicationRequest full =
        GetApplicationRequest.newBuilder().setName(caller.names().application(name)).build();
    return caller.start(
        ApplicationServiceGrpc.getGetApplicationMethod(),
        full,
        GetApplicationResponse::getApplication);
  }

  /**
   * All applications that the key may see, by name, whose pages are fetched as they are needed.
   *
   * @param request the page token is not used
   * @return walks the list anew each time
   */
  public Iterable<Application> list(ListApplicationsRequest request) {
    return new Pages<>(
        token -> listPage(request.toBuilder().setPageToken(token).build()),
        ListApplicationsResponse::getApplicationsList,
        ListApplicationsResponse::getNextPageToken);
  }

  /**
   * One page.
   *
   * @param request with the page token of the page before
   * @return the page
   */
  public ListApplicationsResponse listPage(ListApplicationsRequest request) {
    return Calls.await(listPageAsync(request));
  }

  /**
   * As {@link #listPage}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<ListApplicationsResponse> listPageAsync(
      ListApplicationsRequest request) {
    return caller.start(ApplicationServiceGrpc.getListApplicationsMethod(), request);
  }

  /**
   * Changes the display name or the return URIs.
   *
   * @param request the application, whose name may be empty: the client's; and which fields to
   *     change
   * @return the changed application
   */
  public Application update(UpdateApplicationRequest request) {
    return Calls.await(updateAsync(request));
  }

  /**
   * As {@link #update}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<Application> updateAsync(UpdateApplicationRequest request) {
    UpdateApplicationRequest.Builder full = request.toBuilder();
    full.getApplicationBuilder()
        .setName(caller.names().application(request.getApplication().getName()));
    return caller.start(
        ApplicationServiceGrpc.getUpdateApplicationMethod(),
        full.build(),
        UpdateApplicationResponse::getApplication);
  }

  /**
   * Deletes an application that has no providers and no connections.
   *
   * @param name of the application
   * @param etag the one that was read; empty: whatever it is now
   */
  public void delete(String name, String etag) {
    Calls.await(deleteAsync(name, etag));
  }

  /**
   * As {@link #delete}.
   *
   * @param name as there
   * @param etag as there
   * @return done when it is gone
   */
  public CompletableFuture<Void> deleteAsync(String name, String etag) {
    DeleteApplicationRequest full =
        DeleteApplicationRequest.newBuilder()
            .setName(caller.names().application(name))
            .setEtag(etag)
            .build();
    return caller.start(ApplicationServiceGrpc.getDeleteApplicationMethod(), full, done -> null);
  }

  /**
   * Makes an API key.
   *
   * @param request its rights; the parent may be empty: the client's application
   * @return the key and its secret, which is shown this one time
   */
  public NewKey createKey(CreateKeyRequest request) {
    return Calls.await(createKeyAsync(request));
  }

  /**
   * As {@link #createKey}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<NewKey> createKeyAsync(CreateKeyRequest request) {
    CreateKeyRequest full =
        request.toBuilder().setParent(caller.names().application(request.getParent())).build();
    return caller.start(ApplicationServiceGrpc.getCreateKeyMethod(), full, NewKey::of);
  }

  /**
   * All keys, by name, revoked ones too, whose pages are fetched as they are needed.
   *
   * @param request the page token is not used
   * @return walks the list anew each time
   */
  public Iterable<Key> listKeys(ListKeysRequest request) {
    return new Pages<>(
        token -> listKeysPage(request.toBuilder().setPageToken(token).build()),
        ListKeysResponse::getKeysList,
        ListKeysResponse::getNextPageToken);
  }

  /**
   * One page.
   *
   * @param request with the page token of the page before
   * @return the page
   */
  public ListKeysResponse listKeysPage(ListKeysRequest request) {
    return Calls.await(listKeysPageAsync(request));
  }

  /**
   * As {@link #listKeysPage}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<ListKeysResponse> listKeysPageAsync(ListKeysRequest request) {
    ListKeysRequest full =
        request.toBuilder().setParent(caller.names().application(request.getParent())).build();
    return caller.start(ApplicationServiceGrpc.getListKeysMethod(), full);
  }

  /**
   * Makes a key useless at once. To repeat it is harmless.
   *
   * @param name of the key
   * @return the revoked key
   */
  public Key revokeKey(String name) {
    return Calls.await(revokeKeyAsync(name));
  }

  /**
   * As {@link #revokeKey}.
   *
   * @param name as there
   * @return as there
   */
  public CompletableFuture<Key> revokeKeyAsync(String name) {
    RevokeKeyRequest full = RevokeKeyRequest.newBuilder().setName(caller.names().key(name)).build();
    return caller.start(
        ApplicationServiceGrpc.getRevokeKeyMethod(), full, RevokeKeyResponse::getKey);
  }
}
