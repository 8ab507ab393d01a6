"""What the core needs of the world, which asyncio and threads each provide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from valetkey import v1
from valetkey._token import Token
from valetkey.errors import Error

Cancel = Callable[[], object]


class Clock(Protocol):
    """As the `time` module is one."""

    def time(self) -> float:
        """Seconds since 1970; what tokens expire by."""

    def monotonic(self) -> float:
        """Seconds that never go back; what waits are measured by."""


class Runtime(Protocol):
    """Timers and calls.

    What is passed in is called one at a time, never from within the method
    that it is passed to, and not after its `Cancel` was called.
    """

    @property
    def clock(self) -> Clock:
        """Never another."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def call_later(self, delay: float, action: Callable[[], None]) -> Cancel:
        """Calls the action after so many seconds."""

    def get_token(
        self,
        request: v1.GetTokenRequest,
        timeout: float,
        done: Callable[[Token | Error], None],
    ) -> Cancel:
        """One try of GetToken."""

    def watch(
        self,
        request: v1.WatchEventsRequest,
        received: Callable[[v1.WatchEventsResponse], None],
        ended: Callable[[Error], None],
    ) -> Cancel:
        """One stream of events, until it ends."""
