"""Drives the asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

import valetkey
from driver import lines
from driver.lines import Answer, DriverError, Fields
from valetkey import aio
from valetkey.adapters.httpx import AsyncTokenAuth


class LoopDriver:
    def __init__(self) -> None:
        self._clients: dict[str, aio.Client] = {}
        self._sources: dict[str, aio.TokenSource] = {}
        self._watches: dict[str, _Pump] = {}
        self._reauthorizations: dict[Any, valetkey.ReauthorizationRequired] = {}

    async def perform(self, request: Fields) -> Answer:
        operation = getattr(self, f"op_{request['op']}", None)
        if operation is None:
            raise DriverError(f"no such op: {request['op']}")
        try:
            answer: Answer = await operation(request)
        except valetkey.ReauthorizationRequired as error:
            self._reauthorizations[request["id"]] = error
            raise
        return answer

    async def close(self) -> None:
        for watch in self._watches.values():
            await watch.close()
        for client in self._clients.values():
            await client.close()

    def _client(self, request: Fields) -> aio.Client:
        return self._clients[request["client"]]

    def _source(self, request: Fields) -> aio.TokenSource:
        return self._sources[request["source"]]

    async def op_client(self, request: Fields) -> Answer:
        client = aio.Client(**lines.options(request))
        self._clients[request["client"]] = client
        return {}

    async def op_close_client(self, request: Fields) -> Answer:
        await self._client(request).close()
        return {}

    async def op_authorize(self, request: Fields) -> Answer:
        fields = lines.pick(
            request, "subject", "connection", "scopes", "return_uri", "labels"
        )
        return lines.authorized(
            await self._client(request).authorize(
                request.get("provider", ""),
                timeout=lines.timeout(request),
                **fields,
            )
        )

    async def op_reauthorize(self, request: Fields) -> Answer:
        error = self._reauthorizations[request["request"]]
        return lines.authorized(
            await self._client(request).authorize(
                error.authorize_request(), timeout=lines.timeout(request)
            )
        )

    async def op_exchange(self, request: Fields) -> Answer:
        fields = lines.pick(request, "state", "code", "error")
        return lines.exchanged(
            await self._client(request).exchange(
                timeout=lines.timeout(request), **fields
            )
        )

    async def op_get_token(self, request: Fields) -> Answer:
        fields = lines.pick(
            request, "required_scopes", "min_generation", "rejected_generation"
        )
        if request.get("min_lifetime_ms"):
            fields["min_lifetime"] = request["min_lifetime_ms"] / 1000
        return lines.token(
            await self._client(request).get_token(
                request["name"], timeout=lines.timeout(request), **fields
            )
        )

    async def op_refresh(self, request: Fields) -> Answer:
        return lines.token(
            await self._client(request).refresh(
                request["name"],
                timeout=lines.timeout(request),
                **lines.pick(request, "generation"),
            )
        )

    async def op_revoke(self, request: Fields) -> Answer:
        return lines.revoked(
            await self._client(request).revoke(
                request["name"], timeout=lines.timeout(request)
            )
        )

    async def op_get_connection(self, request: Fields) -> Answer:
        return lines.connection(
            await self._client(request).get_connection(
                request["name"], timeout=lines.timeout(request)
            )
        )

    async def op_list_connections(self, request: Fields) -> Answer:
        found = self._client(request).list_connections(
            timeout=lines.timeout(request),
            **lines.pick(request, "subject", "page_size"),
        )
        return {"names": [c.name async for c in found]}

    async def op_source(self, request: Fields) -> Answer:
        self._sources[request["source"]] = self._client(request).token_source(
            request["name"], **lines.pick(request, "required_scopes")
        )
        return {}

    async def op_token(self, request: Fields) -> Answer:
        source, tally = self._source(request), lines.Tally()

        async def read() -> None:
            try:
                tally.tokens.append(await source.token(lines.timeout(request)))
            except valetkey.Error as error:
                if isinstance(error, valetkey.ReauthorizationRequired):
                    self._reauthorizations[request["id"]] = error
                tally.errors.append(error)

        await asyncio.gather(*(read() for _ in range(request.get("count", 1))))
        return tally.result()

    async def op_read(self, request: Fields) -> Answer:
        source, reads = self._source(request), lines.Reads()
        limit = lines.timeout(request)
        for number in range(request["count"]):
            if number % 1000 == 0:
                # Reads of memory leave the loop no time of its own.
                await asyncio.sleep(0)
            try:
                reads.got((await source.token(limit)).generation)
            except valetkey.Error:
                reads.failed += 1
        return reads.result()

    async def op_invalidate(self, request: Fields) -> Answer:
        self._source(request).invalidate(request["generation"])
        return {}

    async def op_close_source(self, request: Fields) -> Answer:
        await self._source(request).close()
        return {}

    async def op_watch(self, request: Fields) -> Answer:
        watch = self._client(request).watch(
            **lines.pick(request, "connection", "cursor", "snapshot")
        )
        self._watches[request["watch"]] = _Pump(watch)
        return {}

    async def op_next(self, request: Fields) -> Answer:
        return await self._watches[request["watch"]].inbox.next(request)

    async def op_close_watch(self, request: Fields) -> Answer:
        await self._watches[request["watch"]].close()
        return {}

    async def op_request(self, request: Fields) -> Answer:
        auth = AsyncTokenAuth(self._source(request))
        body = request.get("body", "").encode()

        async def once() -> AsyncIterator[bytes]:
            yield body

        content = body if request.get("repeatable", True) else once()
        async with httpx.AsyncClient(
            auth=auth, timeout=lines.timeout(request) or 30, trust_env=False
        ) as http:
            response = await http.request(
                request.get("method", "GET"), request["url"], content=content
            )
        return {"status": response.status_code, "body": response.text}


class _Pump:
    """Reads a watch on into an inbox."""

    def __init__(self, watch: aio.Watch) -> None:
        self.inbox = lines.Inbox()
        self._watch = watch
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for message in self._watch:
                self.inbox.put(lines.message(message))
            self.inbox.put(lines.cancelled())
        except valetkey.Error as error:
            self.inbox.put(error)

    async def close(self) -> None:
        await self._watch.close()
        await self._task
