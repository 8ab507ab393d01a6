"""Requests and answers, a JSON object a line; and what is in them."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import grpc

import valetkey
from valetkey import v1

Fields = Mapping[str, Any]
Answer = dict[str, Any]


class Driver(Protocol):
    """Does what it is told, in one of the worlds."""

    async def perform(self, request: Fields) -> Answer: ...

    async def close(self) -> None: ...


class DriverError(Exception):
    """A request that the driver does not understand."""


async def serve(driver: Driver) -> None:
    """Until the end of the input."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    tasks: dict[Any, asyncio.Task[None]] = {}
    while line := await lines.get():
        request = json.loads(line)
        number = request["id"]
        if request["op"] == "cancel":
            # One that has not begun would end without a word.
            await asyncio.sleep(0)
            under_way = tasks.get(request["request"])
            if under_way is not None:
                under_way.cancel()
            _write({"id": number, "result": {}})
            continue
        task = loop.create_task(_answer(driver, request))
        tasks[number] = task
        task.add_done_callback(partial(_forget, tasks, number))
    await driver.close()
    if tasks:
        await asyncio.wait(list(tasks.values()), timeout=5)


def _forget(
    tasks: dict[Any, asyncio.Task[None]], number: Any, _: asyncio.Task[None]
) -> None:
    tasks.pop(number)


async def _answer(driver: Driver, request: Fields) -> None:
    answer: Answer = {"id": request["id"]}
    try:
        answer["result"] = await driver.perform(request)
    except asyncio.CancelledError:
        answer["error"] = _error(
            "Error", "CANCELLED", "the request was cancelled"
        )
    except valetkey.Error as error:
        answer["error"] = describe(error)
    except valetkey.ConfigError as error:
        answer["error"] = _error("Config", "", str(error))
    except Exception as error:
        kind = type(error).__name__
        answer["error"] = _error("Driver", "", f"{kind}: {error}")
    _write(answer)


def _write(answer: Answer) -> None:
    print(json.dumps(answer), flush=True)


def _error(kind: str, code: str, message: str) -> Answer:
    return {
        "kind": kind,
        "code": code,
        "reason": "",
        "metadata": {},
        "retry_delay_ms": None,
        "message": message,
    }


def describe(error: valetkey.Error) -> Answer:
    """An error as the protocol has it."""
    delay = error.retry_delay
    found: Answer = {
        "kind": type(error).__name__,
        "code": error.code.name,
        "reason": error.reason,
        "metadata": dict(error.metadata),
        "retry_delay_ms": None if delay is None else round(delay * 1000),
        "message": error.message,
    }
    for field in (
        "connection",
        "provider",
        "subject",
        "missing_scopes",
        "field",
    ):
        if hasattr(error, field):
            value = getattr(error, field)
            found[field] = list(value) if isinstance(value, tuple) else value
    return found


def cancelled() -> valetkey.Error:
    return valetkey.Error("closed", code=grpc.StatusCode.CANCELLED)


def token(got: valetkey.Token) -> Answer:
    """A token as the protocol has it."""
    left = None
    if got.expire_time is not None:
        left = round((got.expire_time.timestamp() - time.time()) * 1000)
    return {
        "access_token": got.access_token,
        "token_type": got.token_type,
        "scopes": list(got.scopes),
        "generation": got.generation,
        "expire_in_ms": left,
    }


def authorized(response: v1.AuthorizeResponse) -> Answer:
    return {
        "authorization_uri": response.authorization_uri,
        "state": response.state,
        "connection": response.connection,
    }


def exchanged(response: v1.ExchangeResponse) -> Answer:
    return {
        "connection": response.connection,
        "scopes": list(response.scopes),
        "generation": response.generation,
    }


def revoked(response: v1.RevokeResponse) -> Answer:
    return {
        "copy_destroyed": response.copy_destroyed,
        "tokens": [
            {
                "kind": _short(v1.TokenKind.Name(t.kind), "TOKEN_KIND_"),
                "result": _short(
                    v1.RevocationResult.Name(t.result), "REVOCATION_RESULT_"
                ),
            }
            for t in response.tokens
        ],
    }


def connection(found: v1.Connection) -> Answer:
    return {
        "name": found.name,
        "state": _short(
            v1.ConnectionState.Name(found.state), "CONNECTION_STATE_"
        ),
        "subject": found.subject,
        "generation": found.generation,
        "labels": dict(found.labels),
    }


def message(got: v1.WatchEventsResponse) -> Answer:
    """A message of a watch as the protocol has it."""
    kind = got.WhichOneof("message") or ""
    found: Answer = {"type": kind, "cursor": got.cursor}
    if kind == "event":
        found["event_type"] = _short(
            v1.EventType.Name(got.event.type), "EVENT_TYPE_"
        )
        found["connection"] = got.event.connection
        found["generation"] = got.event.generation
    elif kind == "connection":
        found["connection"] = got.connection.name
        found["generation"] = got.connection.generation
    return found


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix)


def options(request: Fields) -> dict[str, Any]:
    """A client's options."""
    found = dict(request.get("options", {}))
    if found.get("timeout_ms") is not None:
        found["timeout"] = found.pop("timeout_ms") / 1000
    found.pop("timeout_ms", None)
    return found


def timeout(request: Fields) -> float | None:
    """In seconds; None for the library's own."""
    milliseconds = request.get("timeout_ms")
    return None if milliseconds is None else milliseconds / 1000


def pick(request: Fields, *names: str) -> dict[str, Any]:
    """Those of the fields that are there."""
    return {n: request[n] for n in names if request.get(n) is not None}


class Inbox:
    """The messages of a watch, for `next`, which may be given up."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Answer | valetkey.Error] = asyncio.Queue()

    def put(self, item: Answer | valetkey.Error) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, item)

    async def next(self, request: Fields) -> Answer:
        while True:
            try:
                item = await asyncio.wait_for(
                    self._queue.get(), timeout(request)
                )
            except asyncio.TimeoutError:
                raise valetkey.Error(
                    "no message came", code=grpc.StatusCode.DEADLINE_EXCEEDED
                ) from None
            if isinstance(item, valetkey.Error):
                # The end of it, for whoever asks again.
                self._queue.put_nowait(item)
                raise item
            if request.get("checkpoints") or item["type"] != "checkpoint":
                return item


class Tally:
    """What many readers got."""

    def __init__(self) -> None:
        self.tokens: list[valetkey.Token] = []
        self.errors: list[valetkey.Error] = []

    def result(self) -> Answer:
        kinds = {describe(e)["kind"]: describe(e) for e in self.errors}
        return {
            "served": len(self.tokens),
            "failed": len(self.errors),
            "distinct": len({t.access_token for t in self.tokens}),
            "token": token(self.tokens[0]) if self.tokens else None,
            "errors": list(kinds.values()),
        }


class Reads:
    """What reads one after the other got."""

    def __init__(self) -> None:
        self.failed = 0
        self.went_back = False
        self.first = 0
        self.last = 0
        self._start = time.perf_counter_ns()

    def got(self, generation: int) -> None:
        self.went_back = self.went_back or generation < self.last
        self.first = self.first or generation
        self.last = generation

    def result(self) -> Answer:
        return {
            "failed": self.failed,
            "went_back": self.went_back,
            "first": self.first,
            "last": self.last,
            "elapsed_ns": time.perf_counter_ns() - self._start,
        }
