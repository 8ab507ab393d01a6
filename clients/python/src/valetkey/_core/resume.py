"""How a watch that breaks begins again."""

from __future__ import annotations

import grpc

from valetkey import v1
from valetkey._retry import Backoff, Random
from valetkey._status import unavailable
from valetkey.errors import Error


class Resume:
    """Where a watch is: the cursor of the last message that was yielded."""

    def __init__(self, request: v1.WatchEventsRequest, random: Random) -> None:
        self._request = v1.WatchEventsRequest()
        self._request.CopyFrom(request)
        self._backoff = Backoff(random)

    def request(self) -> v1.WatchEventsRequest:
        """What to ask for, now."""
        return self._request

    def yielded(self, message: v1.WatchEventsResponse) -> None:
        """The consumer has this one. Within a snapshot there is no cursor."""
        self._backoff.reset()
        if message.cursor:
            self._request.cursor = message.cursor
            self._request.snapshot = False

    def ended(self, error: Error | None) -> float:
        """Seconds to wait before it begins again; no error means that the
        server just ended the stream.

        Raises:
            Error: that ends the watch.
        """
        broken = error or unavailable("the stream ended")
        if (
            broken.code is not grpc.StatusCode.UNAVAILABLE
            and broken.reason != "WATCH_LAGGED"
        ):
            raise broken
        return self._backoff.wait_after(broken)
