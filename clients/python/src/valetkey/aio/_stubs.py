"""The channel of an asyncio client, and the calls on it."""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any, cast

import grpc.aio

from valetkey import v1
from valetkey._channel import (
    channel_credentials,
    channel_options,
    check_process,
    make_services,
)
from valetkey._config import Config
from valetkey._status import cancelled


class Stream:
    """An open WatchEvents.

    Read by `read`: iterating would make a cycle of references in gRPC's call,
    which keeps its socket open until the garbage is collected.
    """

    def __init__(self, call: Any) -> None:
        self._call = call

    async def read(self) -> v1.WatchEventsResponse | None:
        """The next message; None where the server has ended the stream.

        Raises:
            grpc.RpcError: it failed.
        """
        message = await self._call.read()
        if message is grpc.aio.EOF:
            return None
        return cast("v1.WatchEventsResponse", message)

    def cancel(self) -> None:
        """Ends it."""
        self._call.cancel()


class Stubs:
    """Opens its channel at the first call, in the loop that runs then."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._metadata = config.metadata
        self._channel: grpc.aio.Channel | None = None
        self._services: dict[str, Any] = {}
        self._process = 0
        self._closed = False
        self._cycles = False

    async def unary(
        self, service: str, method: str, request: Any, timeout: float
    ) -> Any:
        """One try of a call.

        Raises:
            Error: CANCELLED, the client is closed.
            grpc.RpcError: it failed.
        """
        call = self._call(service, method)
        try:
            return await call(request, timeout=timeout, metadata=self._metadata)
        except asyncio.CancelledError:
            self._cycles = True
            self.check_closed()
            raise

    def watch(self, request: v1.WatchEventsRequest) -> Stream:
        """Opens a stream."""
        call = self._call("EventService", "WatchEvents")
        return Stream(call(request, metadata=self._metadata))

    async def close(self) -> None:
        """Ends all calls with CANCELLED."""
        self._closed = True
        channel, self._channel = self._channel, None
        self._services.clear()
        if channel is not None and self._process == os.getpid():
            await channel.close()
            # gRPC's own tasks for the calls end in the loop's next round.
            await asyncio.sleep(0)
            if self._cycles:
                # A call that was cancelled is in a cycle of references within
                # gRPC, and keeps the channel's socket open.
                gc.collect()

    def check_process(self) -> None:
        """Raises RuntimeError if the process was forked since it was opened."""
        check_process(self._process)

    def check_closed(self) -> None:
        """Raises Error where a CancelledError means that the client was closed.

        With it gRPC answers the calls of a channel that is closed, besides
        those of a task that is cancelled.
        """
        if self._closed and not is_cancelling():
            raise cancelled("the client is closed") from None

    def _call(self, service: str, method: str) -> Any:
        self.check_process()
        if self._closed:
            raise cancelled("the client is closed")
        if self._channel is None:
            self._open()
        return getattr(self._services[service], method)

    def _open(self) -> None:
        config = self._config
        credentials = channel_credentials(config)
        options = channel_options(config)
        target = config.address.target
        if credentials is None:
            channel = grpc.aio.insecure_channel(target, options)
        else:
            channel = grpc.aio.secure_channel(target, credentials, options)
        self._services = make_services(channel)
        self._channel = channel
        self._process = os.getpid()


def is_cancelling() -> bool:
    """Whether the task was cancelled: then its CancelledError is to be raised.

    Python 3.10 cannot tell, and says no.
    """
    return bool(getattr(asyncio.current_task(), "cancelling", int)())
