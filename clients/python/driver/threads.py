"""Drives the blocking client: each operation in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx

import valetkey
from driver import lines
from driver.lines import Answer, DriverError, Fields
from valetkey.adapters.httpx import TokenAuth


class ThreadDriver:
    def __init__(self) -> None:
        self._clients: dict[str, valetkey.Client] = {}
        self._sources: dict[str, valetkey.TokenSource] = {}
        self._watches: dict[str, _Pump] = {}
        self._reauthorizations: dict[Any, valetkey.ReauthorizationRequired] = {}

    async def perform(self, request: Fields) -> Answer:
        if request["op"] == "next":
            return await self._watches[request["watch"]].inbox.next(request)
        if request["op"] == "watch":
            inbox = lines.Inbox()
            return await _in_thread(lambda: self._watch(request, inbox))
        operation = getattr(self, f"op_{request['op']}", None)
        if operation is None:
            raise DriverError(f"no such op: {request['op']}")
        # A blocking call cannot be cancelled: its answer is dropped.
        return await _in_thread(lambda: self._perform(operation, request))

    def _perform(
        self, operation: Callable[[Fields], Answer], request: Fields
    ) -> Answer:
        try:
            return operation(request)
        except valetkey.ReauthorizationRequired as error:
            self._reauthorizations[request["id"]] = error
            raise

    async def close(self) -> None:
        for watch in self._watches.values():
            watch.close()
        for client in self._clients.values():
            client.close()

    def _client(self, request: Fields) -> valetkey.Client:
        return self._clients[request["client"]]

    def _source(self, request: Fields) -> valetkey.TokenSource:
        return self._sources[request["source"]]

    def op_client(self, request: Fields) -> Answer:
        client = valetkey.Client(**lines.options(request))
        self._clients[request["client"]] = client
        return {}

    def op_close_client(self, request: Fields) -> Answer:
        self._client(request).close()
        return {}

    def op_authorize(self, request: Fields) -> Answer:
        fields = lines.pick(
            request, "subject", "connection", "scopes", "return_uri", "labels"
        )
        return lines.authorized(
            self._client(request).authorize(
                request.get("provider", ""),
                timeout=lines.timeout(request),
                **fields,
            )
        )

    def op_reauthorize(self, request: Fields) -> Answer:
        error = self._reauthorizations[request["request"]]
        return lines.authorized(
            self._client(request).authorize(
                error.authorize_request(), timeout=lines.timeout(request)
            )
        )

    def op_exchange(self, request: Fields) -> Answer:
        fields = lines.pick(request, "state", "code", "error")
        return lines.exchanged(
            self._client(request).exchange(
                timeout=lines.timeout(request), **fields
            )
        )

    def op_get_token(self, request: Fields) -> Answer:
        fields = lines.pick(
            request, "required_scopes", "min_generation", "rejected_generation"
        )
        if request.get("min_lifetime_ms"):
            fields["min_lifetime"] = request["min_lifetime_ms"] / 1000
        return lines.token(
            self._client(request).get_token(
                request["name"], timeout=lines.timeout(request), **fields
            )
        )

    def op_refresh(self, request: Fields) -> Answer:
        return lines.token(
            self._client(request).refresh(
                request["name"],
                timeout=lines.timeout(request),
                **lines.pick(request, "generation"),
            )
        )

    def op_revoke(self, request: Fields) -> Answer:
        return lines.revoked(
            self._client(request).revoke(
                request["name"], timeout=lines.timeout(request)
            )
        )

    def op_get_connection(self, request: Fields) -> Answer:
        return lines.connection(
            self._client(request).get_connection(
                request["name"], timeout=lines.timeout(request)
            )
        )

    def op_list_connections(self, request: Fields) -> Answer:
        found = self._client(request).list_connections(
            timeout=lines.timeout(request),
            **lines.pick(request, "subject", "page_size"),
        )
        return {"names": [c.name for c in found]}

    def op_source(self, request: Fields) -> Answer:
        self._sources[request["source"]] = self._client(request).token_source(
            request["name"], **lines.pick(request, "required_scopes")
        )
        return {}

    def op_token(self, request: Fields) -> Answer:
        source, tally = self._source(request), lines.Tally()

        def read() -> None:
            try:
                tally.tokens.append(source.token(lines.timeout(request)))
            except valetkey.Error as error:
                if isinstance(error, valetkey.ReauthorizationRequired):
                    self._reauthorizations[request["id"]] = error
                tally.errors.append(error)

        readers = [
            threading.Thread(target=read, daemon=True)
            for _ in range(request.get("count", 1))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return tally.result()

    def op_read(self, request: Fields) -> Answer:
        source, reads = self._source(request), lines.Reads()
        limit = lines.timeout(request)
        for _ in range(request["count"]):
            try:
                reads.got(source.token(limit).generation)
            except valetkey.Error:
                reads.failed += 1
        return reads.result()

    def op_invalidate(self, request: Fields) -> Answer:
        self._source(request).invalidate(request["generation"])
        return {}

    def op_close_source(self, request: Fields) -> Answer:
        self._source(request).close()
        return {}

    def _watch(self, request: Fields, inbox: lines.Inbox) -> Answer:
        watch = self._client(request).watch(
            **lines.pick(request, "connection", "cursor", "snapshot")
        )
        self._watches[request["watch"]] = _Pump(watch, inbox)
        return {}

    def op_close_watch(self, request: Fields) -> Answer:
        self._watches[request["watch"]].close()
        return {}

    def op_request(self, request: Fields) -> Answer:
        auth = TokenAuth(self._source(request))
        body = request.get("body", "").encode()

        def once() -> Iterator[bytes]:
            yield body

        content = body if request.get("repeatable", True) else once()
        with httpx.Client(
            auth=auth, timeout=lines.timeout(request) or 30, trust_env=False
        ) as http:
            response = http.request(
                request.get("method", "GET"), request["url"], content=content
            )
        return {"status": response.status_code, "body": response.text}


class _Pump:
    """Reads a watch on into an inbox."""

    def __init__(self, watch: valetkey.Watch, inbox: lines.Inbox) -> None:
        self.inbox = inbox
        self._watch = watch
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for message in self._watch:
                self.inbox.put(lines.message(message))
            self.inbox.put(lines.cancelled())
        except valetkey.Error as error:
            self.inbox.put(error)

    def close(self) -> None:
        self._watch.close()
        self._thread.join()


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Answer] = loop.create_future()

    def settle(result: Answer | BaseException) -> None:
        if done.done():
            return
        if isinstance(result, BaseException):
            done.set_exception(result)
        else:
            done.set_result(result)

    def run() -> None:
        result: Answer | BaseException
        try:
            result = work()
        except BaseException as error:
            result = error
        loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, daemon=True).start()
    return await done
