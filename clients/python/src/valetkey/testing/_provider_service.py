"""The fake's ProviderService."""

from __future__ import annotations

from typing import NoReturn

import grpc

from valetkey import v1
from valetkey.catalog import v1 as catalog
from valetkey.testing._resources import Resources
from valetkey.testing._state import check_etag, page_of
from valetkey.v1 import provider_service_pb2_grpc


class ProviderService(provider_service_pb2_grpc.ProviderServiceServicer):
    """Keeps providers; the catalog has Pinterest alone."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def CreateProvider(
        self, request: v1.CreateProviderRequest, context: grpc.ServicerContext
    ) -> v1.CreateProviderResponse:
        """Keeps all but the secret."""
        provider = v1.Provider()
        provider.CopyFrom(request.provider)
        provider.name = f"{request.parent}/providers/{request.provider_id}"
        provider.client_secret_set = bool(provider.client_secret)
        provider.client_secret = ""
        provider.state = v1.ProviderState.PROVIDER_STATE_ACTIVE
        return v1.CreateProviderResponse(
            provider=self._resources.create(provider)
        )

    def GetProvider(
        self, request: v1.GetProviderRequest, context: grpc.ServicerContext
    ) -> v1.GetProviderResponse:
        """One of them."""
        return v1.GetProviderResponse(
            provider=self._resources.get(v1.Provider, request.name)
        )

    def ListProviders(
        self, request: v1.ListProvidersRequest, context: grpc.ServicerContext
    ) -> v1.ListProvidersResponse:
        """By name."""
        found = self._resources.list(v1.Provider, request.parent)
        page, following = page_of(found, request.page_size, request.page_token)
        return v1.ListProvidersResponse(
            providers=page,  # type: ignore[arg-type]
            next_page_token=following,
        )

    def UpdateProvider(
        self, request: v1.UpdateProviderRequest, context: grpc.ServicerContext
    ) -> v1.UpdateProviderResponse:
        """Changes the fields of the mask."""
        return v1.UpdateProviderResponse(
            provider=self._resources.update(
                request.provider, request.update_mask
            )
        )

    def DeleteProvider(
        self, request: v1.DeleteProviderRequest, context: grpc.ServicerContext
    ) -> v1.DeleteProviderResponse:
        """Forgets one."""
        found = self._resources.get(v1.Provider, request.name)
        check_etag(request.etag, found)
        self._resources.delete(request.name)
        return v1.DeleteProviderResponse()

    def ListCatalogEntries(
        self,
        request: v1.ListCatalogEntriesRequest,
        context: grpc.ServicerContext,
    ) -> v1.ListCatalogEntriesResponse:
        """Pinterest."""
        return v1.ListCatalogEntriesResponse(entries=[_pinterest()])

    def GetCatalogEntry(
        self, request: v1.GetCatalogEntryRequest, context: grpc.ServicerContext
    ) -> v1.GetCatalogEntryResponse:
        """Pinterest, or nothing."""
        entry = _pinterest()
        if request.name != entry.name:
            raise self._resources.missing(v1.CatalogEntry)
        return v1.GetCatalogEntryResponse(entry=entry)

    def CheckDefinition(
        self, request: v1.CheckDefinitionRequest, context: grpc.ServicerContext
    ) -> v1.CheckDefinitionResponse:
        """Not in the fake."""
        return _refuse(context)

    def CreateCatalogEntry(
        self,
        request: v1.CreateCatalogEntryRequest,
        context: grpc.ServicerContext,
    ) -> v1.CreateCatalogEntryResponse:
        """Not in the fake."""
        return _refuse(context)

    def UpdateCatalogEntry(
        self,
        request: v1.UpdateCatalogEntryRequest,
        context: grpc.ServicerContext,
    ) -> v1.UpdateCatalogEntryResponse:
        """Not in the fake."""
        return _refuse(context)

    def DeleteCatalogEntry(
        self,
        request: v1.DeleteCatalogEntryRequest,
        context: grpc.ServicerContext,
    ) -> v1.DeleteCatalogEntryResponse:
        """Not in the fake."""
        return _refuse(context)


def _refuse(context: grpc.ServicerContext) -> NoReturn:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED, "the fake's catalog cannot be changed"
    )


def _pinterest() -> v1.CatalogEntry:
    return v1.CatalogEntry(
        name="catalog/pinterest",
        definition=catalog.ProviderDefinition(display_name="Pinterest"),
    )
