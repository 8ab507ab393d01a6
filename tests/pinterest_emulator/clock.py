"""The emulator's time."""

from __future__ import annotations

import time


class Clock:
    """The time of day, which a test can move on instead of waiting.

    Only expiry follows the moved clock; delays (`slow` faults) are real.
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds
