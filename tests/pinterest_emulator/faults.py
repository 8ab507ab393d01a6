"""Faults to switch on while the emulator runs.

A fault strikes *before* the request is processed, so that nothing changed at
the provider, or *after*, so that it did although the client cannot know. The
second is what a client that rotates refresh tokens must survive.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from pinterest_emulator import answers
from pinterest_emulator.config import LOGIN_PATTERN
from pinterest_emulator.fields import FieldError, Fields
from pinterest_emulator.http1 import HTML, Delivery, Response

ENDPOINTS = ("token", "revoke", "user_account", "authorize")
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")

BEFORE, AFTER = "before", "after"

PHASES: dict[str, tuple[str, ...]] = {
    "slow": (AFTER, BEFORE),
    "lost_answer": (AFTER,),
    "throttle": (BEFORE, AFTER),
    "http_error": (BEFORE, AFTER),
    "html_body": (BEFORE, AFTER),
    "truncated_body": (AFTER,),
    "missing_expires_in": (AFTER,),
    "cut_connection": (AFTER,),
    "cut_before": (BEFORE,),
    "huge_body": (AFTER,),
    "invalid_json": (AFTER,),
    "hang": (BEFORE, AFTER),
}
"""The kinds and when each can strike, its default first."""

_DEFAULT_STATUS = {"http_error": 500, "html_body": 502}

_ERROR_PAGE = b"""<!DOCTYPE html>
<html><head><title>Bad gateway</title></head>
<body><h1>Bad gateway</h1><p>The upstream server is not available.</p></body>
</html>
"""


@dataclass(slots=True)
class Fault:
    """One fault and how often it has struck."""

    id: str
    endpoint: str
    kind: str
    grant: str | None
    login: str | None
    client: str | None
    phase: str
    seconds: float
    status: int
    retry_after: int | str | None
    bytes: int
    skip: int
    times: int
    probability: float
    seed: int
    fired: int = 0
    seen: int = 0
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def described(self) -> dict[str, Any]:
        """As the control interface shows it."""
        shown = (n for n in self.__slots__ if not n.startswith("_"))
        return {name: getattr(self, name) for name in shown}

    def strikes(
        self,
        endpoint: str,
        grant_type: str | None,
        client_id: str | None,
        login: str | None,
    ) -> bool:
        """Whether this request is hit; if so, it is counted."""
        if self.endpoint != endpoint or self.fired == self.times:
            return False
        if self.grant not in (None, grant_type):
            return False
        if self.client not in (None, client_id):
            return False
        if self.login not in (None, login):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        if self.probability < 1 and self._dice.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def response(self, processed: Response | None) -> Response:
        """What goes out in place of `processed`, the honest answer.

        REQUIRES: `processed` unless the fault struck before.
        """
        if self.kind == "throttle":
            return answers.throttled(self.retry_after)
        if self.kind == "http_error":
            return answers.failure(self.status, self.status, "Try again later.")
        if self.kind == "html_body":
            return Response(self.status, _ERROR_PAGE, HTML)
        response = processed or Response(503)
        if self.kind == "missing_expires_in":
            _without_expires_in(response)
        elif self.kind == "invalid_json":
            response.body = response.body[:-1] + b',"}'
        elif self.kind == "huge_body":
            response.body = _padded(response.body, self.bytes)
        else:
            response.delivery = _DELIVERIES.get(self.kind, Delivery.ANSWER)
            if self.kind == "hang":
                response.hold = self.seconds or None
        return response


_DELIVERIES = {
    "lost_answer": Delivery.CLOSE,
    "truncated_body": Delivery.TRUNCATE,
    "cut_connection": Delivery.CUT,
    "cut_before": Delivery.RESET,
    "hang": Delivery.HANG,
}


def _without_expires_in(response: Response) -> None:
    body = json.loads(response.body)
    body.pop("expires_in", None)
    response.body = json.dumps(body).encode()


def _padded(body: bytes, size: int) -> bytes:
    """The same JSON object, valid still, of at least `size` bytes."""
    padding = b"x" * max(0, size - len(body))
    if body[-1:] != b"}":
        return body + padding
    return body[:-1] + b', "padding": "' + padding + b'"}'


class Faults:
    """Those that are switched on, tried in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fields: Fields) -> Fault:
        """Adds the fault that `fields` describe. Raises FieldError."""
        kind = fields.text("kind", choices=tuple(PHASES))
        default_phase = PHASES[kind][0]
        slow = kind == "slow"
        fault = Fault(
            id=f"f{self._added + 1}",
            endpoint=fields.text("endpoint", choices=ENDPOINTS),
            kind=kind,
            grant=fields.text("grant", None, choices=GRANT_TYPES),
            login=fields.text("login", None, pattern=LOGIN_PATTERN),
            client=fields.text("client", None),
            phase=fields.text("phase", default_phase, choices=PHASES[kind]),
            seconds=(
                fields.number("seconds", minimum=0.001)
                if slow
                else fields.number("seconds", 0.0)
            ),
            status=fields.integer(
                "status", _DEFAULT_STATUS.get(kind, 0), minimum=200, maximum=599
            ),
            retry_after=_retry_after(fields),
            bytes=fields.integer("bytes", 8 * 1024 * 1024, maximum=1 << 28),
            skip=fields.integer("skip", 0),
            times=fields.integer("times", 1, minimum=-1),
            probability=fields.number("probability", 1.0, maximum=1.0),
            seed=fields.integer("seed", 1),
        )
        _check_fit(fields, fault)
        fields.finish()
        self._added += 1
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def remove(self, id: str) -> bool:
        """False if there is no such fault."""
        before = len(self._faults)
        self._faults = [f for f in self._faults if f.id != id]
        return len(self._faults) < before

    def described(self) -> list[dict[str, Any]]:
        return [fault.described() for fault in self._faults]

    def strike(
        self,
        endpoint: str,
        grant_type: str | None,
        client_id: str | None,
        login: str | None,
    ) -> Fault | None:
        """The first fault that hits this request."""
        for fault in self._faults:
            if fault.strikes(endpoint, grant_type, client_id, login):
                return fault
        return None


def _retry_after(fields: Fields) -> int | str | None:
    """Seconds, or an HTTP date as text (RFC 9110 section 10.2.3)."""
    value: int | str | None
    try:
        value = fields.integer("retry_after", None)
    except FieldError:
        value = fields.text("retry_after", None, pattern=r"[ -~]{0,64}")
    return value


def _check_fit(fields: Fields, fault: Fault) -> None:
    """Refuses fields that would silently do nothing."""
    fits = {
        "status": ("http_error", "html_body"),
        "retry_after": ("throttle",),
        "bytes": ("huge_body",),
    }
    for name, kinds in fits.items():
        if fields.has(name) and fault.kind not in kinds:
            raise FieldError(name, "only for " + " and ".join(kinds))
    if fault.grant is not None and fault.endpoint != "token":
        raise FieldError("grant", "only for the endpoint token")
    if fault.kind == "missing_expires_in" and fault.endpoint != "token":
        raise FieldError("kind", "only for the endpoint token")
