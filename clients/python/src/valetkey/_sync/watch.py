"""The events of an application, resumed by itself."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

import grpc

from valetkey import v1
from valetkey._core.resume import Resume
from valetkey._status import error_of
from valetkey._sync.stubs import Stream, Stubs
from valetkey.errors import Error

if TYPE_CHECKING:
    from typing_extensions import Self


class Watch:
    """An iterator over the messages of WatchEvents.

    Made by `Client.watch`, which opens the stream at once. A stream that
    breaks, or lags behind, begins again after the last message that was
    yielded. Any other error is raised and ends it, `CursorExpired` among them.
    For one reader; `close` may be called by any thread.
    """

    def __init__(self, stubs: Stubs, resume: Resume) -> None:
        self._stubs = stubs
        self._resume = resume
        self._closed = threading.Event()
        self._over = False
        self._open()

    def _open(self) -> None:
        # In this order, so that close() finds whatever is open.
        self._stream: Stream = self._stubs.watch(self._resume.request())
        self._messages = iter(self._stream)
        if self._closed.is_set():
            self._stream.cancel()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> v1.WatchEventsResponse:
        """Waits for a message, without a deadline.

        Raises:
            Error: the stream ended for good. CANCELLED if the client is closed.
        """
        while not self._closed.is_set() and not self._over:
            error = None
            try:
                message = next(self._messages)
            except StopIteration:
                pass
            except grpc.RpcError as failure:
                error = error_of(failure)
            else:
                self._resume.yielded(message)
                return message
            if not self._closed.is_set():
                self._again(error)
        raise StopIteration

    def _again(self, error: Error | None) -> None:
        try:
            wait = self._resume.ended(error)
            if not self._closed.wait(wait):
                self._open()
        except Error:
            self._over = True
            raise

    def close(self) -> None:
        """Ends it: a reader that waits sees the end. Idempotent."""
        self._closed.set()
        self._stream.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
