"""A token that is always there."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

from valetkey._core.source import SourceState
from valetkey._core.waiter import Waiter
from valetkey._token import Token
from valetkey.aio._runtime import LoopRuntime
from valetkey.aio._stubs import Stubs

if TYPE_CHECKING:
    from typing_extensions import Self


class TokenSource:
    """A connection's token, from memory, kept fresh in the background.

    Made by `Client.token_source`. For the event loop of its client. It opens
    nothing and waits for nothing until the first `token()`.
    """

    def __init__(
        self,
        state: SourceState,
        runtime: LoopRuntime,
        stubs: Stubs,
        timeout: float,
    ) -> None:
        self._state = state
        self._runtime = runtime
        self._timeout = timeout
        self._stubs = stubs
        self._clock = runtime.clock
        self._time = runtime.clock.time

    def __repr__(self) -> str:
        return f"TokenSource({self.name!r})"

    @property
    def name(self) -> str:
        """The connection: `applications/{a}/connections/{c}`."""
        return self._state.name

    async def token(self, timeout: float | None = None) -> Token:
        """A token that lives at least 2 s longer, or was fetched just now.

        From memory without a call or a switch of tasks, where there is one.
        Otherwise it waits for the one fetch that all readers share. A reader
        that is cancelled does not cancel it for others.

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
        return await self._wait(self._timeout if timeout is None else timeout)

    def at_hand(self) -> Token | None:
        """The token that memory holds, if it lives 2 s longer. Never waits."""
        token = self._state.ready
        if token is not None and token._good_until > self._time():
            return token
        return None

    async def _wait(self, timeout: float) -> Token:
        self._stubs.check_process()
        done = asyncio.get_running_loop().create_future()
        waiter = Waiter(
            self._clock.monotonic() + timeout, lambda: done.set_result(None)
        )
        self._state.join(waiter)
        try:
            await asyncio.wait({done}, timeout=max(timeout, 0.0))
        finally:
            self._state.leave(waiter)
        return waiter.take()

    def invalidate(self, generation: int) -> None:
        """The provider refused the token of this generation (it answered 401).

        It is not given out any more, and the next fetch asks for another.
        Nothing happens if a newer one is held.
        """
        self._state.invalidate(generation)

    async def close(self) -> None:
        """Ends its timer and fetches; readers fail with CANCELLED. Idempotent.

        Closing the client does the same.
        """
        self._state.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
