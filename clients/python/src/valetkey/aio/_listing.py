"""A list as one sequence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from valetkey._admin_calls import Page, PageCall
from valetkey._calls import Call

T = TypeVar("T")


class Listing(AsyncIterator[T], Generic[T]):
    """Walks a list, and fetches its pages as it goes. For one reader."""

    def __init__(
        self,
        run: Callable[[Call[Page[T]]], Awaitable[Page[T]]],
        page: PageCall[T],
    ) -> None:
        self._run = run
        self._page = page
        self._items: Iterator[T] = iter(())
        self._next: str | None = ""
        self._cursor = ""

    async def cursor(self) -> str:
        """The first page's: watch from here to miss nothing since. Fetches
        that page if need be. Empty for a list of anything but connections.
        """
        if self._next == "":
            await self._fetch("")
        return self._cursor

    async def __anext__(self) -> T:
        """The next of the list.

        Raises:
            Error: a page could not be fetched; the next call tries it again.
        """
        while True:
            for item in self._items:
                return item
            if self._next is None:
                raise StopAsyncIteration
            await self._fetch(self._next)

    async def _fetch(self, page_token: str) -> None:
        page = await self._run(self._page(page_token))
        if not page_token:
            self._cursor = page.cursor
        self._items = iter(page.items)
        self._next = page.next_page_token or None
