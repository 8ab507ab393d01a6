"""The core's runtime on an event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import grpc

from valetkey import v1
from valetkey._core.runtime import Cancel, Clock
from valetkey._status import error_of, unavailable
from valetkey._token import Token, token_of
from valetkey.aio._stubs import Stubs
from valetkey.errors import Error


class LoopRuntime:
    """A task for each call under way. The core is entered from the loop."""

    def __init__(self, stubs: Stubs, clock: Clock) -> None:
        self.clock = clock
        self._stubs = stubs
        self._tasks: set[asyncio.Task[None]] = set()

    def random(self) -> float:
        """A number in [0, 1)."""
        return random.random()

    def call_later(self, delay: float, action: Callable[[], None]) -> Cancel:
        """Calls the action after so many seconds."""
        return asyncio.get_running_loop().call_later(delay, action).cancel

    def get_token(
        self,
        request: v1.GetTokenRequest,
        timeout: float,
        done: Callable[[Token | Error], None],
    ) -> Cancel:
        """One try of GetToken."""
        return self._spawn(self._get_token(request, timeout, done))

    async def _get_token(
        self,
        request: v1.GetTokenRequest,
        timeout: float,
        done: Callable[[Token | Error], None],
    ) -> None:
        answer: Token | Error
        try:
            response = await self._stubs.unary(
                "TokenService", "GetToken", request, timeout
            )
            answer = token_of(response.token)
        except grpc.RpcError as failure:
            answer = error_of(failure)
        except Error as error:
            answer = error
        done(answer)

    def watch(
        self,
        request: v1.WatchEventsRequest,
        received: Callable[[v1.WatchEventsResponse], None],
        ended: Callable[[Error], None],
    ) -> Cancel:
        """One stream of events."""
        return self._spawn(self._watch(request, received, ended))

    async def _watch(
        self,
        request: v1.WatchEventsRequest,
        received: Callable[[v1.WatchEventsResponse], None],
        ended: Callable[[Error], None],
    ) -> None:
        try:
            stream = self._stubs.watch(request)
            while (message := await stream.read()) is not None:
                received(message)
            error = unavailable("the stream ended")
        except grpc.RpcError as failure:
            error = error_of(failure)
        except Error as closed:
            error = closed
        ended(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> Cancel:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task.cancel

    async def settle(self) -> None:
        """Waits for the tasks, which must have been cancelled."""
        current = asyncio.current_task()
        tasks = [t for t in self._tasks if t is not current]
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
