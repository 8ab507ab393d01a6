"""Runs calls with their deadline and retries."""

from __future__ import annotations

import asyncio
from random import random
from typing import TypeVar

import grpc

from valetkey._calls import Call
from valetkey._config import Config
from valetkey._core.runtime import Clock
from valetkey._names import Names
from valetkey._retry import Attempts
from valetkey._status import cancelled, error_of
from valetkey.aio._stubs import Stubs

T = TypeVar("T")


class Caller:
    """What the groups of calls have in common."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._names: Names = config.names
        self._clock = clock
        self._stubs = Stubs(config)
        self._closing = asyncio.Event()

    async def _run(self, call: Call[T], timeout: float | None = None) -> T:
        seconds = self._config.timeout if timeout is None else timeout
        attempts = Attempts(
            self._clock.monotonic() + seconds,
            random,
            repeatable=call.repeatable,
        )
        while True:
            left = attempts.timeout(self._clock.monotonic())
            try:
                response = await self._stubs.unary(
                    call.service, call.method, call.request, left
                )
            except grpc.RpcError as failure:
                error = error_of(failure)
            else:
                return call.convert(response)
            wait = attempts.failed(error, self._clock.monotonic())
            if await self._closes_within(wait):
                raise cancelled("the client is closed")

    async def _closes_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True
