"""The operators' calls: connections, providers, applications, keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from valetkey import _admin_calls as calls
from valetkey import v1
from valetkey._admin_calls import CreatedKey, PageCall
from valetkey.aio._caller import Caller
from valetkey.aio._listing import Listing

T = TypeVar("T")

_ANY = v1.ConnectionState.CONNECTION_STATE_UNSPECIFIED


class AdminCalls(Caller):
    """The calls that no token leaves by."""

    def _list(self, page: PageCall[T], timeout: float | None) -> Listing[T]:
        return Listing(partial(self._run, timeout=timeout), page)

    # --------------------------------------------------------- connections

    async def get_connection(
        self, name: str, *, timeout: float | None = None
    ) -> v1.Connection:
        """One connection, and its health."""
        return await self._run(calls.get_connection(self._names, name), timeout)

    def list_connections(
        self,
        application: str | None = None,
        *,
        provider: str = "",
        subject: str = "",
        state: v1.ConnectionState.ValueType = _ANY,
        labels: Mapping[str, str] | None = None,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Listing[v1.Connection]:
        """An application's connections; the filters are joined by "and".

        Args:
            application: the client's own by default.
            provider: only of this one.
            subject: only of this one.
            state: only in this one.
            labels: only with all of these.
            page_size: 0 for the server's default.
            timeout: in seconds, for each page.
        """
        page = calls.list_connections(
            self._names,
            application,
            provider=provider,
            subject=subject,
            state=state,
            labels=labels,
            page_size=page_size,
        )
        return self._list(page, timeout)

    async def update_connection(
        self,
        name: str,
        *,
        labels: Mapping[str, str],
        etag: str = "",
        timeout: float | None = None,
    ) -> v1.Connection:
        """Sets a connection's labels, in place of those it had."""
        call = calls.update_connection(self._names, name, labels, etag)
        return await self._run(call, timeout)

    async def delete_connection(
        self, name: str, *, etag: str = "", timeout: float | None = None
    ) -> None:
        """Destroys the record of a connection; the provider is not told."""
        await self._run(
            calls.delete_connection(self._names, name, etag), timeout
        )

    # ----------------------------------------------------------- providers

    async def create_provider(
        self,
        provider_id: str,
        provider: v1.Provider,
        *,
        application: str | None = None,
        timeout: float | None = None,
    ) -> v1.Provider:
        """Configures an OAuth client for an application."""
        call = calls.create_provider(
            self._names, application, provider_id, provider
        )
        return await self._run(call, timeout)

    async def get_provider(
        self, name: str, *, timeout: float | None = None
    ) -> v1.Provider:
        """One provider, without its secret."""
        return await self._run(calls.get_provider(self._names, name), timeout)

    def list_providers(
        self,
        application: str | None = None,
        *,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Listing[v1.Provider]:
        """An application's providers; `timeout` is for each page."""
        page = calls.list_providers(self._names, application, page_size)
        return self._list(page, timeout)

    async def update_provider(
        self,
        provider: v1.Provider,
        fields: Sequence[str],
        *,
        timeout: float | None = None,
    ) -> v1.Provider:
        """Changes these fields of a provider; its `name` says which one."""
        call = calls.update_provider(self._names, provider, fields)
        return await self._run(call, timeout)

    async def delete_provider(
        self, name: str, *, etag: str = "", timeout: float | None = None
    ) -> None:
        """Deletes a provider that has no connections."""
        await self._run(calls.delete_provider(self._names, name, etag), timeout)

    async def get_catalog_entry(
        self, name: str, *, timeout: float | None = None
    ) -> v1.CatalogEntry:
        """What ValetKey knows of a provider: `catalog/{id}`, or its id."""
        return await self._run(calls.get_catalog_entry(name), timeout)

    def list_catalog_entries(
        self, *, page_size: int = 0, timeout: float | None = None
    ) -> Listing[v1.CatalogEntry]:
        """The catalog; `timeout` is for each page."""
        return self._list(calls.list_catalog_entries(page_size), timeout)

    # -------------------------------------------------- applications, keys

    async def create_application(
        self,
        application_id: str,
        application: v1.Application | None = None,
        *,
        timeout: float | None = None,
    ) -> v1.Application:
        """Makes an application."""
        call = calls.create_application(application_id, application)
        return await self._run(call, timeout)

    async def get_application(
        self, application: str | None = None, *, timeout: float | None = None
    ) -> v1.Application:
        """One application; the client's own by default."""
        call = calls.get_application(self._names, application)
        return await self._run(call, timeout)

    def list_applications(
        self, *, page_size: int = 0, timeout: float | None = None
    ) -> Listing[v1.Application]:
        """The applications that the key may see; `timeout` is for each page."""
        return self._list(calls.list_applications(page_size), timeout)

    async def update_application(
        self,
        application: v1.Application,
        fields: Sequence[str],
        *,
        timeout: float | None = None,
    ) -> v1.Application:
        """Changes these fields of an application; its `name` says which one."""
        call = calls.update_application(self._names, application, fields)
        return await self._run(call, timeout)

    async def delete_application(
        self, application: str, *, etag: str = "", timeout: float | None = None
    ) -> None:
        """Deletes an application that has no providers or connections."""
        call = calls.delete_application(self._names, application, etag)
        await self._run(call, timeout)

    async def create_key(
        self,
        rights: Sequence[v1.Right.ValueType],
        *,
        display_name: str = "",
        expire_time: datetime | None = None,
        application: str | None = None,
        timeout: float | None = None,
    ) -> CreatedKey:
        """Makes an API key; its secret is returned this one time.

        Args:
            rights: what it may do; at least one.
            display_name: for people.
            expire_time: in UTC if it has no time zone; None for never.
            application: the client's own by default.
            timeout: in seconds.
        """
        call = calls.create_key(
            self._names,
            application,
            display_name=display_name,
            rights=rights,
            expire_time=expire_time,
        )
        return await self._run(call, timeout)

    def list_keys(
        self,
        application: str | None = None,
        *,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Listing[v1.Key]:
        """An application's keys; `timeout` is for each page."""
        page = calls.list_keys(self._names, application, page_size)
        return self._list(page, timeout)

    async def revoke_key(
        self, name: str, *, timeout: float | None = None
    ) -> v1.Key:
        """Makes a key useless at once. Idempotent."""
        return await self._run(calls.revoke_key(self._names, name), timeout)
