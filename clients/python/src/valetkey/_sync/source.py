"""A token that is always there."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from valetkey._core.source import SourceState
from valetkey._core.waiter import Waiter
from valetkey._sync.runtime import ThreadRuntime
from valetkey._sync.stubs import Stubs
from valetkey._token import Token

if TYPE_CHECKING:
    from typing_extensions import Self


class TokenSource:
    """A connection's token, from memory, kept fresh in the background.

    Made by `Client.token_source`. Thread-safe. It opens nothing and waits for
    nothing until the first `token()`.
    """

    def __init__(
        self,
        state: SourceState,
        runtime: ThreadRuntime,
        stubs: Stubs,
        timeout: float,
    ) -> None:
        self._state = state
        self._runtime = runtime
        self._stubs = stubs
        self._timeout = timeout
        self._clock = runtime.clock
        self._time = runtime.clock.time

    def __repr__(self) -> str:
        return f"TokenSource({self.name!r})"

    @property
    def name(self) -> str:
        """The connection: `applications/{a}/connections/{c}`."""
        return self._state.name

    def token(self, timeout: float | None = None) -> Token:
        """A token that lives at least 2 s longer, or was fetched just now.

        From memory without a lock or a call, where there is one. Otherwise it
        waits for the one fetch that all readers share.

        Args:
            timeout: seconds to wait at most; the client's by default.

        Raises:
            Error: there is no token. `ReauthorizationRequired`,
                `ConnectionRevoked`, `NotFound` and `ScopeNotGranted` want
                somebody to act; `Unavailable` says in `retry_delay` when to
                try again. CANCELLED after `close`.
        """
        token = self._state.ready
        if token is not None and token._good_until > self._time():
            return token
        return self._wait(self._timeout if timeout is None else timeout)

    def at_hand(self) -> Token | None:
        """The token that memory holds, if it lives 2 s longer. Never waits."""
        token = self._state.ready
        if token is not None and token._good_until > self._time():
            return token
        return None

    def _wait(self, timeout: float) -> Token:
        self._stubs.check_process()
        done = threading.Event()
        waiter = Waiter(self._clock.monotonic() + timeout, done.set)
        with self._runtime.lock:
            self._state.join(waiter)
        try:
            done.wait(max(timeout, 0.0))
        finally:
            if waiter.result is None:
                with self._runtime.lock:
                    self._state.leave(waiter)
        return waiter.take()

    def invalidate(self, generation: int) -> None:
        """The provider refused the token of this generation (it answered 401).

        It is not given out any more, and the next fetch asks for another.
        Nothing happens if a newer one is held.
        """
        with self._runtime.lock:
            self._state.invalidate(generation)

    def close(self) -> None:
        """Ends its timer and fetches; readers fail with CANCELLED. Idempotent.

        Closing the client does the same.
        """
        with self._runtime.lock:
            self._state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
