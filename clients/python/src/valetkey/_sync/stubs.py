"""The channel of a blocking client, and the calls on it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any, Protocol, cast

import grpc

from valetkey import v1
from valetkey._channel import (
    channel_credentials,
    channel_options,
    check_process,
    make_services,
)
from valetkey._config import Config
from valetkey._status import cancelled


class Stream(Protocol):
    """An open WatchEvents."""

    def __iter__(self) -> Iterator[v1.WatchEventsResponse]:
        """The messages; raises `grpc.RpcError` in the end."""

    def cancel(self) -> bool:
        """Ends it, from any thread."""


class Stubs:
    """Opens its channel at the first call. Thread-safe."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._metadata = config.metadata
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._services: dict[str, Any] = {}
        self._process = 0
        self._closed = False

    def call(self, service: str, method: str) -> Any:
        """The multi-callable of a method.

        Raises:
            Error: CANCELLED, the client is closed.
            RuntimeError: the process was forked since the first call.
        """
        self.check_process()
        with self._lock:
            if self._closed:
                raise cancelled("the client is closed")
            if self._channel is None:
                self._open()
            return getattr(self._services[service], method)

    def check_process(self) -> None:
        """Raises RuntimeError if the process was forked since it was opened."""
        check_process(self._process)

    def unary(
        self, service: str, method: str, request: Any, timeout: float
    ) -> Any:
        """One try of a call; raises as `call` does, and `grpc.RpcError`."""
        multicallable = self.call(service, method)
        try:
            return multicallable(
                request, timeout=timeout, metadata=self._metadata
            )
        except ValueError as failure:
            raise self._closed_meanwhile(failure) from failure

    def future(
        self, service: str, method: str, request: Any, timeout: float
    ) -> grpc.Future[Any]:
        """One try of a call, which does not block."""
        multicallable = self.call(service, method)
        try:
            future: grpc.Future[Any] = multicallable.future(
                request, timeout=timeout, metadata=self._metadata
            )
        except ValueError as failure:
            raise self._closed_meanwhile(failure) from failure
        return future

    def watch(self, request: v1.WatchEventsRequest) -> Stream:
        """Opens a stream, which does not block."""
        multicallable = self.call("EventService", "WatchEvents")
        try:
            return cast(
                "Stream", multicallable(request, metadata=self._metadata)
            )
        except ValueError as failure:
            raise self._closed_meanwhile(failure) from failure

    def close(self) -> None:
        """Ends all calls with CANCELLED."""
        with self._lock:
            self._closed = True
            channel, self._channel = self._channel, None
            self._services.clear()
        if channel is not None and self._process == os.getpid():
            channel.close()

    def _closed_meanwhile(self, failure: ValueError) -> Exception:
        # What gRPC raises for a call on a channel that is closed.
        return cancelled("the client is closed") if self._closed else failure

    def _open(self) -> None:
        config = self._config
        credentials = channel_credentials(config)
        options = channel_options(config)
        target = config.address.target
        if credentials is None:
            channel = grpc.insecure_channel(target, options)
        else:
            channel = grpc.secure_channel(target, credentials, options)
        self._services = make_services(channel)
        self._channel = channel
        self._process = os.getpid()
