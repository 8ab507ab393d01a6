"""Very many callers at once, in one thread: each asks one replica after
another for tokens, all along, over sockets that it keeps.

    with Crowd(fleet.replicas, names, callers=1000, pause=0.5) as crowd:
        ...
    crowd.failed
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from chaos.fleet import Replica
from integration.harness import reason_of

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    name: str
    asked: float  # by the wall clock
    taken: float  # how long it took, in seconds
    reason: str  # "" for a token


class Crowd:
    def __init__(
        self,
        replicas: Sequence[Replica],
        names: Sequence[str],
        callers: int,
        pause: float,
        seed: int = 1,
    ) -> None:
        """Each caller pauses between two calls, `pause` on average: what is
        to be in trouble is the fleet, not the machine."""
        self.answers: list[Answer] = []
        self.generations: dict[str, int] = {}
        self._replicas = list(replicas)
        self._names = list(names)
        self._callers = callers
        self._pause = pause
        self._seed = seed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(_TIMEOUT + 30)

    def reasons(self) -> Counter[str]:
        return Counter(a.reason for a in list(self.answers))

    async def _run(self) -> None:
        await asyncio.gather(*(self._call(i) for i in range(self._callers)))

    async def _call(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")
        replica = self._replicas[number % len(self._replicas)]
        connection: _Connection | None = None
        # Not all in the same instant.
        await asyncio.sleep(chance.uniform(0, self._pause))
        while not self._stopping.is_set():
            name = chance.choice(self._names)
            asked, start = time.time(), time.monotonic()
            try:
                if connection is None:
                    connection = await _Connection.open(replica)
                reason = await asyncio.wait_for(
                    self._get(connection, name), _TIMEOUT
                )
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                reason = type(error).__name__
                if connection is not None:
                    connection.close()
                connection = None
            taken = time.monotonic() - start
            self.answers.append(Answer(name, asked, taken, reason))
            await asyncio.sleep(chance.uniform(0, 2 * self._pause))
        if connection is not None:
            connection.close()

    async def _get(self, connection: _Connection, name: str) -> str:
        status, body = await connection.call(
            "TokenService/GetToken", json.dumps({"name": name}).encode()
        )
        if status != 200:
            error = json.loads(body)
            return reason_of(error) or error["code"]
        generation = int(json.loads(body)["token"]["generation"])
        if generation > self.generations.get(name, 0):
            self.generations[name] = generation
        return ""


class _Connection:
    """HTTP/1.1 as far as it is needed here; http.client has no coroutines."""

    def __init__(
        self,
        replica: Replica,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._head = (
            f" HTTP/1.1\r\nhost: {urlsplit(replica.http).netloc}\r\n"
            f"authorization: Bearer {replica.api_key}\r\n"
            "content-type: application/json\r\n"
        )

    @classmethod
    async def open(cls, replica: Replica) -> _Connection:
        parts = urlsplit(replica.http)
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port
        )
        return cls(replica, reader, writer)

    async def call(self, method: str, body: bytes) -> tuple[int, bytes]:
        head = f"POST /valetkey.v1.{method}{self._head}"
        head += f"content-length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(answer.split(" ", 2)[1])
        length = int(answer.split("content-length:")[1].split("\r\n")[0])
        return status, await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()
