"""Runs calls with their deadline and retries."""

from __future__ import annotations

import threading
from random import random
from typing import TypeVar

import grpc

from valetkey._calls import Call
from valetkey._config import Config
from valetkey._core.runtime import Clock
from valetkey._names import Names
from valetkey._retry import Attempts
from valetkey._status import cancelled, error_of
from valetkey._sync.stubs import Stubs

T = TypeVar("T")


class Caller:
    """What the groups of calls have in common. Thread-safe."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._names: Names = config.names
        self._clock = clock
        self._stubs = Stubs(config)
        self._closing = threading.Event()

    def _run(self, call: Call[T], timeout: float | None = None) -> T:
        seconds = self._config.timeout if timeout is None else timeout
        attempts = Attempts(
            self._clock.monotonic() + seconds,
            random,
            repeatable=call.repeatable,
        )
        while True:
            left = attempts.timeout(self._clock.monotonic())
            try:
                response = self._stubs.unary(
                    call.service, call.method, call.request, left
                )
            except grpc.RpcError as failure:
                error = error_of(failure)
            else:
                return call.convert(response)
            wait = attempts.failed(error, self._clock.monotonic())
            if self._closing.wait(wait):
                raise cancelled("the client is closed")
