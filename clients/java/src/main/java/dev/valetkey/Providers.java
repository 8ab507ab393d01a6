package dev.valetkey;

import dev.valetkey.v1.CatalogEntry;
import dev.valetkey.v1.CreateProviderRequest;
import dev.valetkey.v1.CreateProviderResponse;
import dev.valetkey.v1.DeleteProviderRequest;
import dev.valetkey.v1.GetCatalogEntryRequest;
import dev.valetkey.v1.GetCatalogEntryResponse;
import dev.valetkey.v1.GetProviderRequest;
import dev.valetkey.v1.GetProviderResponse;
import dev.valetkey.v1.ListCatalogEntriesRequest;
import dev.valetkey.v1.ListCatalogEntriesResponse;
import dev.valetkey.v1.ListProvidersRequest;
import dev.valetkey.v1.ListProvidersResponse;
import dev.valetkey.v1.Provider;
import dev.valetkey.v1.ProviderServiceGrpc;
import dev.valetkey.v1.UpdateProviderRequest;
import dev.valetkey.v1.UpdateProviderResponse;
import java.util.concurrent.CompletableFuture;

/** The calls about an application's OAuth clients at providers, and the catalog. Thread-safe. */
public final class Providers {
  private final Caller caller;

  Providers(Caller caller) {
    this.caller = caller;
  }

  /**
   * Makes a provider.
   *
   * @param request the parent may be empty: the client's application
   * @return the provider, without its secret
   */
  public Provider create(CreateProviderRequest request) {
    return Calls.await(createAsync(request));
  }

  /**
   * As {@link #create}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<Provider> createAsync(CreateProviderRequest request) {
    CreateProviderRequest full =
        request.toBuilder().setParent(caller.names().application(request.getParent())).build();
    return caller.start(
        ProviderServiceGrpc.getCreateProviderMethod(), full, CreateProviderResponse::getProvider);
  }

  /**
   * One provider.
   *
   * @param name of the provider
   * @return the provider, without its secret
   */
  public Provider get(String name) {
    return Calls.await(getAsync(name));
  }

  /**
   * As {@link #get}.
   *
   * @param name as there
   * @return as there
   */
  public CompletableFuture<Provider> getAsync(String name) {
    GetProviderRequest full =
        GetProviderRequest.newBuilder().setName(caller.names().provider(name)).build();
    return caller.start(
        ProviderServiceGrpc.getGetProviderMethod(), full, GetProviderResponse::getProvider);
  }

  /**
   * All providers, by name, whose pages are fetched as they are needed.
   *
   * @param request the page token is not used
   * @return walks the list anew each time
   */
  public Iterable<Provider> list(ListProvidersRequest request) {
    return new Pages<>(
        token -> listPage(request.toBuilder().setPageToken(token).build()),
        ListProvidersResponse::getProvidersList,
        ListProvidersResponse::getNextPageToken);
  }

  /**
   * One page.
   *
   * @param request with the page token of the page before
   * @return the page
   */
  public ListProvidersResponse listPage(ListProvidersRequest request) {
    return Calls.await(listPageAsync(request));
  }

  /**
   * As {@link #listPage}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<ListProvidersResponse> listPageAsync(ListProvidersRequest request) {
    ListProvidersRequest full =
        request.toBuilder().setParent(caller.names().application(request.getParent())).build();
    return caller.start(ProviderServiceGrpc.getListProvidersMethod(), full);
  }

  /**
   * Changes a provider.
   *
   * @param request the provider with its name, and which fields to change
   * @return the changed provider
   */
  public Provider update(UpdateProviderRequest request) {
    return Calls.await(updateAsync(request));
  }

  /**
   * As {@link #update}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<Provider> updateAsync(UpdateProviderRequest request) {
    UpdateProviderRequest.Builder full = request.toBuilder();
    full.getProviderBuilder().setName(caller.names().provider(request.getProvider().getName()));
    return caller.start(
        ProviderServiceGrpc.getUpdateProviderMethod(),
        full.build(),
        UpdateProviderResponse::getProvider);
  }

  /**
   * Deletes a provider that has no connections.
   *
   * @param name of the provider
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
    DeleteProviderRequest full =
        DeleteProviderRequest.newBuilder()
            .setName(caller.names().provider(name))
            .setEtag(etag)
            .build();
    return caller.start(ProviderServiceGrpc.getDeleteProviderMethod(), full, done -> null);
  }

  /**
   * All providers that ValetKey knows of, by id, whose pages are fetched as they are needed.
   *
   * @param request the page token is not used
   * @return walks the list anew each time
   */
  public Iterable<CatalogEntry> listCatalog(ListCatalogEntriesRequest request) {
    return new Pages<>(
        token -> listCatalogPage(request.toBuilder().setPageToken(token).build()),
        ListCatalogEntriesResponse::getEntriesList,
        ListCatalogEntriesResponse::getNextPageToken);
  }

  /**
   * One page.
   *
   * @param request with the page token of the page before
   * @return the page
   */
  public ListCatalogEntriesResponse listCatalogPage(ListCatalogEntriesRequest request) {
    return Calls.await(listCatalogPageAsync(request));
  }

  /**
   * As {@link #listCatalogPage}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<ListCatalogEntriesResponse> listCatalogPageAsync(
      ListCatalogEntriesRequest request) {
    return caller.start(ProviderServiceGrpc.getListCatalogEntriesMethod(), request);
  }

  /**
   * What ValetKey knows of one provider.
   *
   * @param id such as {@code pinterest} or {@code catalog/pinterest}
   * @return the entry
   */
  public CatalogEntry getCatalogEntry(String id) {
    return Calls.await(getCatalogEntryAsync(id));
  }

  /**
   * As {@link #getCatalogEntry}.
   *
   * @param id as there
   * @return as there
   */
  public CompletableFuture<CatalogEntry> getCatalogEntryAsync(String id) {
    String name = id.startsWith("catalog/") ? id : "catalog/" + id;
    GetCatalogEntryRequest full = GetCatalogEntryRequest.newBuilder().setName(name).build();
    return caller.start(
        ProviderServiceGrpc.getGetCatalogEntryMethod(), full, GetCatalogEntryResponse::getEntry);
  }
}
