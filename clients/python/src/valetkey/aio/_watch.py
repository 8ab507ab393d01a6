"""The events of an application, resumed by itself."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import TYPE_CHECKING

import grpc

from valetkey import v1
from valetkey._core.resume import Resume
from valetkey._status import error_of
from valetkey.aio._stubs import Stream, Stubs, is_cancelling
from valetkey.errors import Error

if TYPE_CHECKING:
    from typing_extensions import Self


class Watch:
    """An asynchronous iterator over the messages of WatchEvents.

    Made by `Client.watch`, which opens the stream at once. A stream that
    breaks, or lags behind, begins again after the last message that was
    yielded. Any other error is raised and ends it, `CursorExpired` among them.
    For one reader. One that is cancelled while it waits may read on later.
    """

    def __init__(self, stubs: Stubs, resume: Resume) -> None:
        self._stubs = stubs
        self._resume = resume
        self._closed = asyncio.Event()
        self._over = False
        self._stream: Stream | None = None
        self._open()

    def _open(self) -> Stream:
        self._stream = self._stubs.watch(self._resume.request())
        return self._stream

    def drop(self) -> None:
        """Lets go of the stream, which as an object keeps a socket open."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> v1.WatchEventsResponse:
        """Waits for a message, without a deadline.

        Raises:
            Error: the stream ended for good. CANCELLED if the client is closed.
        """
        while not self._closed.is_set() and not self._over:
            error = None
            try:
                message = await (self._stream or self._open()).read()
            except grpc.RpcError as failure:
                error = error_of(failure)
            except asyncio.CancelledError:
                # gRPC ends a stream whose reader is cancelled; and cancels the
                # reader of a stream that is closed.
                if self._closed.is_set() and not is_cancelling():
                    break
                self.drop()
                self._stubs.check_closed()
                raise
            else:
                if message is not None:
                    self._resume.yielded(message)
                    return message
            if not self._closed.is_set():
                await self._again(error)
        raise StopAsyncIteration

    async def _again(self, error: Error | None) -> None:
        self.drop()
        try:
            wait = self._resume.ended(error)
        except Error:
            self._over = True
            raise
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed.wait(), wait)

    async def close(self) -> None:
        """Ends it: a reader that waits sees the end. Idempotent."""
        self._closed.set()
        self.drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
