"""The operators' calls as values: connections, providers, applications."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask

from valetkey import v1
from valetkey._calls import Call, nothing
from valetkey._names import Names, catalog_entry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new API key.

    Attributes:
        key: what is known of it.
        secret: the key itself, shown this one time; not in the `repr`.
    """

    key: v1.Key
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list.

    Attributes:
        items: what is on it.
        next_page_token: empty on the last.
        cursor: where to watch from; only of connections.
    """

    items: Sequence[T]
    next_page_token: str
    cursor: str


# Makes the call for the page of a page token.
PageCall = Callable[[str], Call[Page[T]]]


def get_connection(names: Names, name: str) -> Call[v1.Connection]:
    """One connection."""
    request = v1.GetConnectionRequest(name=names.connection(name))
    return Call("ConnectionService", "GetConnection", request, _connection)


def list_connections(
    names: Names,
    application: str | None,
    *,
    provider: str,
    subject: str,
    state: v1.ConnectionState.ValueType,
    labels: Mapping[str, str] | None,
    page_size: int,
) -> PageCall[v1.Connection]:
    """The pages of an application's connections."""
    request = v1.ListConnectionsRequest(
        parent=names.parent(application),
        page_size=page_size,
        provider=names.provider(provider) if provider else "",
        subject=subject,
        state=state,
        labels=labels,
    )
    return _pages(
        "ConnectionService", "ListConnections", request, "connections"
    )


def update_connection(
    names: Names, name: str, labels: Mapping[str, str], etag: str
) -> Call[v1.Connection]:
    """Changes the labels."""
    request = v1.UpdateConnectionRequest(
        connection=v1.Connection(
            name=names.connection(name), labels=labels, etag=etag
        ),
        update_mask=FieldMask(paths=["labels"]),
    )
    return Call("ConnectionService", "UpdateConnection", request, _connection)


def delete_connection(names: Names, name: str, etag: str) -> Call[None]:
    """Destroys the record of a connection."""
    request = v1.DeleteConnectionRequest(name=names.connection(name), etag=etag)
    return Call("ConnectionService", "DeleteConnection", request, nothing)


def create_provider(
    names: Names,
    application: str | None,
    provider_id: str,
    provider: v1.Provider,
) -> Call[v1.Provider]:
    """Makes a provider."""
    request = v1.CreateProviderRequest(
        parent=names.parent(application),
        provider_id=provider_id,
        provider=provider,
    )
    return Call("ProviderService", "CreateProvider", request, _provider)


def get_provider(names: Names, name: str) -> Call[v1.Provider]:
    """One provider."""
    request = v1.GetProviderRequest(name=names.provider(name))
    return Call("ProviderService", "GetProvider", request, _provider)


def list_providers(
    names: Names, application: str | None, page_size: int
) -> PageCall[v1.Provider]:
    """The pages of an application's providers."""
    request = v1.ListProvidersRequest(
        parent=names.parent(application), page_size=page_size
    )
    return _pages("ProviderService", "ListProviders", request, "providers")


def update_provider(
    names: Names, provider: v1.Provider, fields: Sequence[str]
) -> Call[v1.Provider]:
    """Changes fields of a provider."""
    request = v1.UpdateProviderRequest(
        provider=provider, update_mask=FieldMask(paths=fields)
    )
    request.provider.name = names.provider(provider.name)
    return Call("ProviderService", "UpdateProvider", request, _provider)


def delete_provider(names: Names, name: str, etag: str) -> Call[None]:
    """Deletes a provider."""
    request = v1.DeleteProviderRequest(name=names.provider(name), etag=etag)
    return Call("ProviderService", "DeleteProvider", request, nothing)


def get_catalog_entry(name: str) -> Call[v1.CatalogEntry]:
    """One entry of the catalog."""
    request = v1.GetCatalogEntryRequest(name=catalog_entry(name))
    return Call(
        "ProviderService", "GetCatalogEntry", request, lambda r: r.entry
    )


def list_catalog_entries(page_size: int) -> PageCall[v1.CatalogEntry]:
    """The pages of the catalog."""
    request = v1.ListCatalogEntriesRequest(page_size=page_size)
    return _pages("ProviderService", "ListCatalogEntries", request, "entries")


def create_application(
    application_id: str, application: v1.Application | None
) -> Call[v1.Application]:
    """Makes an application."""
    request = v1.CreateApplicationRequest(
        application_id=application_id, application=application
    )
    return Call(
        "ApplicationService", "CreateApplication", request, _application
    )


def get_application(
    names: Names, application: str | None
) -> Call[v1.Application]:
    """One application."""
    request = v1.GetApplicationRequest(name=names.parent(application))
    return Call("ApplicationService", "GetApplication", request, _application)


def list_applications(page_size: int) -> PageCall[v1.Application]:
    """The pages of the applications that the key may see."""
    request = v1.ListApplicationsRequest(page_size=page_size)
    return _pages(
        "ApplicationService", "ListApplications", request, "applications"
    )


def update_application(
    names: Names, application: v1.Application, fields: Sequence[str]
) -> Call[v1.Application]:
    """Changes fields of an application."""
    request = v1.UpdateApplicationRequest(
        application=application, update_mask=FieldMask(paths=fields)
    )
    request.application.name = names.parent(application.name or None)
    return Call(
        "ApplicationService", "UpdateApplication", request, _application
    )


def delete_application(names: Names, application: str, etag: str) -> Call[None]:
    """Deletes an application."""
    request = v1.DeleteApplicationRequest(
        name=names.parent(application), etag=etag
    )
    return Call("ApplicationService", "DeleteApplication", request, nothing)


def create_key(
    names: Names,
    application: str | None,
    *,
    display_name: str,
    rights: Sequence[v1.Right.ValueType],
    expire_time: datetime | None,
) -> Call[CreatedKey]:
    """Makes an API key."""
    request = v1.CreateKeyRequest(
        parent=names.parent(application),
        display_name=display_name,
        rights=rights,
    )
    if expire_time is not None:
        request.expire_time.FromDatetime(expire_time)
    return Call(
        "ApplicationService",
        "CreateKey",
        request,
        lambda r: CreatedKey(key=r.key, secret=r.secret),
    )


def list_keys(
    names: Names, application: str | None, page_size: int
) -> PageCall[v1.Key]:
    """The pages of an application's keys."""
    request = v1.ListKeysRequest(
        parent=names.parent(application), page_size=page_size
    )
    return _pages("ApplicationService", "ListKeys", request, "keys")


def revoke_key(names: Names, name: str) -> Call[v1.Key]:
    """Makes a key useless."""
    request = v1.RevokeKeyRequest(name=names.key(name))
    return Call("ApplicationService", "RevokeKey", request, lambda r: r.key)


def _pages(
    service: str, method: str, request: Any, items: str
) -> PageCall[Any]:
    def page(response: Any) -> Page[Any]:
        return Page(
            items=getattr(response, items),
            next_page_token=response.next_page_token,
            cursor=getattr(response, "cursor", ""),
        )

    def call(page_token: str) -> Call[Page[Any]]:
        paged = type(request)()
        paged.CopyFrom(request)
        paged.page_token = page_token
        return Call(service, method, paged, page)

    return call


def _connection(response: Any) -> v1.Connection:
    connection: v1.Connection = response.connection
    return connection


def _provider(response: Any) -> v1.Provider:
    provider: v1.Provider = response.provider
    return provider


def _application(response: Any) -> v1.Application:
    application: v1.Application = response.application
    return application
