"""A reader that waits for a token."""

from __future__ import annotations

import copy
from collections.abc import Callable

from valetkey._status import deadline_exceeded
from valetkey._token import Token
from valetkey.errors import Error


class Waiter:
    """Waits until `deadline`, of the monotonic clock.

    Attributes:
        result: what it is given, once.
        failure: the last UNAVAILABLE that it has seen.
    """

    __slots__ = ("_wake", "deadline", "failure", "result")

    def __init__(self, deadline: float, wake: Callable[[], None]) -> None:
        """`wake` is called when there is a result."""
        self.deadline = deadline
        self.failure: Error | None = None
        self.result: Token | Error | None = None
        self._wake = wake

    def resolve(self, result: Token | Error) -> None:
        """Gives it a result, an error of its own to raise."""
        if self.result is None:
            self.result = (
                copy.copy(result) if isinstance(result, Error) else result
            )
            self._wake()

    def expire(self) -> None:
        """Gives it what its deadline's passing means."""
        self.resolve(self.failure or deadline_exceeded())

    def take(self) -> Token:
        """The token.

        Raises:
            Error: that is the result.
        """
        result = self.result
        if isinstance(result, Token):
            return result
        raise result or deadline_exceeded()
