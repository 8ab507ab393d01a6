package dev.valetkey.testing;

import dev.valetkey.catalog.v1.ProviderDefinition;
import dev.valetkey.v1.CatalogEntry;
import dev.valetkey.v1.CreateProviderRequest;
import dev.valetkey.v1.CreateProviderResponse;
import dev.valetkey.v1.DeleteProviderRequest;
import dev.valetkey.v1.DeleteProviderResponse;
import dev.valetkey.v1.ErrorReason;
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
import dev.valetkey.v1.ProviderState;
import dev.valetkey.v1.UpdateProviderRequest;
import dev.valetkey.v1.UpdateProviderResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Keeps providers, and shows a catalog of one. Guarded by this. */
final class FakeProviders extends ProviderServiceGrpc.ProviderServiceImplBase {
  private static final CatalogEntry ENTRY =
      CatalogEntry.newBuilder()
          .setName("catalog/pinterest")
          .setDefinition(
              ProviderDefinition.newBuilder().setId("pinterest").setDisplayName("Pinterest"))
          .build();

  private final Map<String, Provider> providers = new TreeMap<>();

  @Override
  public synchronized void createProvider(
      CreateProviderRequest request, StreamObserver<CreateProviderResponse> observer) {
    String name = request.getParent() + "/providers/" + request.getProviderId();
    if (providers.containsKey(name)) {
      throw FakeErrors.error(ErrorReason.RESOURCE_EXISTS, Map.of());
    }
    Provider made =
        stored(request.getProvider().toBuilder().setName(name))
            .setState(ProviderState.PROVIDER_STATE_ACTIVE)
            .build();
    providers.put(name, made);
    FakeTokens.answer(observer, CreateProviderResponse.newBuilder().setProvider(made).build());
  }

  /** The secret is not shown again. */
  private static Provider.Builder stored(Provider.Builder provider) {
    boolean secret = !provider.getClientSecret().isEmpty() || provider.getClientSecretSet();
    return provider.setClientSecretSet(secret).clearClientSecret();
  }

  @Override
  public synchronized void getProvider(
      GetProviderRequest request, StreamObserver<GetProviderResponse> observer) {
    Provider provider = provider(request.getName());
    FakeTokens.answer(observer, GetProviderResponse.newBuilder().setProvider(provider).build());
  }

  @Override
  public synchronized void listProviders(
      ListProvidersRequest request, StreamObserver<ListProvidersResponse> observer) {
    FakePages<Provider> page =
        FakePages.of(
            providers.values().stream()
                .filter(provider -> provider.getName().startsWith(request.getParent() + "/"))
                .toList(),
            request.getPageSize(),
            request.getPageToken());
    FakeTokens.answer(
        observer,
        ListProvidersResponse.newBuilder()
            .addAllProviders(page.items())
            .setNextPageToken(page.nextToken())
            .build());
  }

  @Override
  public synchronized void updateProvider(
      UpdateProviderRequest request, StreamObserver<UpdateProviderResponse> observer) {
    Provider.Builder changed = provider(request.getProvider().getName()).toBuilder();
    FakeMasks.apply(request.getUpdateMask(), request.getProvider(), changed);
    providers.put(changed.getName(), stored(changed).build());
    FakeTokens.answer(observer, UpdateProviderResponse.newBuilder().setProvider(changed).build());
  }

  @Override
  public synchronized void deleteProvider(
      DeleteProviderRequest request, StreamObserver<DeleteProviderResponse> observer) {
    providers.remove(provider(request.getName()).getName());
    FakeTokens.answer(observer, DeleteProviderResponse.getDefaultInstance());
  }

  private Provider provider(String name) {
    Provider provider = providers.get(name);
    if (provider == null) {
      throw FakeErrors.error(ErrorReason.PROVIDER_NOT_FOUND, Map.of("provider", name));
    }
    return provider;
  }

  @Override
  public void listCatalogEntries(
      ListCatalogEntriesRequest request, StreamObserver<ListCatalogEntriesResponse> observer) {
    FakePages<CatalogEntry> page =
        FakePages.of(List.of(ENTRY), request.getPageSize(), request.getPageToken());
    FakeTokens.answer(
        observer,
        ListCatalogEntriesResponse.newBuilder()
            .addAllEntries(page.items())
            .setNextPageToken(page.nextToken())
            .build());
  }

  @Override
  public void getCatalogEntry(
      GetCatalogEntryRequest request, StreamObserver<GetCatalogEntryResponse> observer) {
    if (!request.getName().equals(ENTRY.getName())) {
      throw FakeErrors.error(ErrorReason.CATALOG_ENTRY_NOT_FOUND, Map.of());
    }
    FakeTokens.answer(observer, GetCatalogEntryResponse.newBuilder().setEntry(ENTRY).build());
  }
}
