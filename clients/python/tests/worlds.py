"""The two worlds as one, so that a test is written once for both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import valetkey
from valetkey import Token, aio, v1
from valetkey.testing import Fake

_NO_MORE = object()


class World:
    """A client of a fake, whose calls are awaited in either world."""

    def __init__(self, fake: Fake, **options: Any) -> None:
        self.fake = fake
        self.client = self._make(fake, options)

    def _make(self, fake: Fake, options: dict[str, Any]) -> Any:
        raise NotImplementedError

    def another(self, **options: Any) -> World:
        """With further options."""
        return type(self)(self.fake, **options)

    async def do(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Calls a method of the client."""
        raise NotImplementedError

    async def token(self, source: Any, timeout: float | None = None) -> Token:
        raise NotImplementedError

    async def list(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    async def next(self, watch: Any) -> v1.WatchEventsResponse:
        """Raises StopAsyncIteration at the end."""
        raise NotImplementedError

    async def end(self, thing: Any) -> None:
        """Closes a source or a watch."""
        raise NotImplementedError

    async def close(self) -> None:
        await self.end(self.client)


class ThreadWorld(World):
    client: valetkey.Client

    def _make(self, fake: Fake, options: dict[str, Any]) -> valetkey.Client:
        return fake.client(**options)

    async def do(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        call: Callable[..., Any] = getattr(self.client, method)
        return await asyncio.to_thread(call, *arguments, **keywords)

    async def token(self, source: Any, timeout: float | None = None) -> Token:
        got: Token = await asyncio.to_thread(source.token, timeout)
        return got

    async def list(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        listing = getattr(self.client, method)(*args, **kwargs)
        return await asyncio.to_thread(list, listing)

    async def next(self, watch: Any) -> v1.WatchEventsResponse:
        message = await asyncio.to_thread(next, watch, _NO_MORE)
        if message is _NO_MORE:
            raise StopAsyncIteration
        assert isinstance(message, v1.WatchEventsResponse)
        return message

    async def end(self, thing: Any) -> None:
        await asyncio.to_thread(thing.close)


class LoopWorld(World):
    client: aio.Client

    def _make(self, fake: Fake, options: dict[str, Any]) -> aio.Client:
        return fake.aio_client(**options)

    async def do(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        return await getattr(self.client, method)(*arguments, **keywords)

    async def token(self, source: Any, timeout: float | None = None) -> Token:
        got: Token = await source.token(timeout)
        return got

    async def list(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        listing = getattr(self.client, method)(*args, **kwargs)
        return [item async for item in listing]

    async def next(self, watch: Any) -> v1.WatchEventsResponse:
        message = await watch.__anext__()
        assert isinstance(message, v1.WatchEventsResponse)
        return message

    async def end(self, thing: Any) -> None:
        await thing.close()


async def until(condition: Callable[[], Any], what: str = "it") -> None:
    """Waits until the condition is true, and fails if it never is."""
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} never came")
        await asyncio.sleep(0.005)


async def called(fake: Fake, method: str, count: int) -> None:
    """Waits until a method was called so often."""
    await until(
        lambda: fake.calls(method) >= count, f"call {count} of {method}"
    )
