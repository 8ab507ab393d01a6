"""When a call is tried again: the table of clients/README.md."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from valetkey._status import deadline_exceeded
from valetkey.errors import Error

_FIRST = 0.1
_MOST = 5.0

Random = Callable[[], float]


class Backoff:
    """Waits that double, each times a random number in [0.5, 1.5)."""

    def __init__(self, random: Random) -> None:
        """`random` gives numbers in [0, 1)."""
        self._random = random
        self._next = _FIRST

    def reset(self) -> None:
        """Begins anew, after something went well."""
        self._next = _FIRST

    def wait_after(self, error: Error) -> float:
        """Seconds to wait: what the server asked for, or else our own."""
        if error.retry_delay is not None:
            return error.retry_delay
        wait = self._next * (0.5 + self._random())
        self._next = min(self._next * 2, _MOST)
        return wait


class Attempts:
    """The tries of one call.

    `deadline` is of the monotonic clock whose `now` the methods are given.
    """

    def __init__(
        self, deadline: float, random: Random, *, repeatable: bool
    ) -> None:
        self._deadline = deadline
        self._repeatable = repeatable
        self._backoff = Backoff(random)
        self._earlier: Error | None = None

    def timeout(self, now: float) -> float:
        """Seconds that the next try may take.

        Raises:
            Error: the deadline has passed.
        """
        left = self._deadline - now
        if left <= 0:
            raise self._earlier or deadline_exceeded()
        return left

    def failed(self, error: Error, now: float) -> float:
        """Seconds to wait before the next try.

        Raises:
            Error: there is none.
        """
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED and self._earlier:
            raise self._earlier
        if error.code is not grpc.StatusCode.UNAVAILABLE:
            raise error
        error.retry_delay = self._backoff.wait_after(error)
        if not self._repeatable or now + error.retry_delay > self._deadline:
            raise error
        self._earlier = error
        return error.retry_delay
