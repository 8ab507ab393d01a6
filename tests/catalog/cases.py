"""The failed answers to try with a definition: each code of its error map,
each place where it looks for one, in the call the rule is for and in the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.answers import Answer, classify, failure, pointers
from catalog.definitions import Definition, get

__all__ = ["Case", "cases", "revocation_cases"]

_EXCHANGE = {
    "GRANT_DEAD": "AUTHORIZATION_CODE_REJECTED",
    "CLIENT_REJECTED": "PROVIDER_CLIENT_REJECTED",
    # The client has just been good, or a probe says so.
    "AMBIGUOUS": "AUTHORIZATION_CODE_REJECTED",
    "REQUEST_REJECTED": "PROVIDER_REQUEST_REJECTED",
    "THROTTLED": "PROVIDER_THROTTLED",
    "UNAVAILABLE": "PROVIDER_UNAVAILABLE",
    "UNREADABLE": "PROVIDER_RESPONSE_INVALID",
}
_REFRESH = {
    "GRANT_DEAD": {"REAUTHORIZATION_REQUIRED"},
    "CLIENT_REJECTED": {"PROVIDER_CLIENT_REJECTED"},
    # Without a probe nobody is condemned before there is evidence.
    "AMBIGUOUS": {"REAUTHORIZATION_REQUIRED", "PROVIDER_CLIENT_REJECTED"},
    "REQUEST_REJECTED": {"PROVIDER_REQUEST_REJECTED"},
    "UNREADABLE": {"PROVIDER_RESPONSE_INVALID"},
}


@dataclass(frozen=True)
class Case:
    status: int
    code: str
    kind: str  # what it means
    at: int = 0  # which of the code's places
    message_at: int = 0

    def __str__(self) -> str:
        return f"{self.status} {self.code or 'without a code'}"

    def answer(self, d: Definition) -> Answer:
        return failure(d, self.status, self.code, self.at, self.message_at)

    def exchange(self) -> str:
        """The reason of the error that a caller gets."""
        return _EXCHANGE[self.kind]

    def refresh(self) -> set[str]:
        return _REFRESH[self.kind]

    def tells(self) -> bool:
        """Whether the caller is told the provider's message."""
        return self.kind != "THROTTLED" and bool(self.code)


def _plain(d: Definition) -> int:
    """The status of failures: where success is said in the body, 200."""
    return 200 if get(d, "response.success.predicate") else 400


def _raw(d: Definition, leg: str) -> Iterator[tuple[int, str, int, int]]:
    """(status, code, place, message's place)"""
    plain = _plain(d)
    for rule in get(d, "errors.rules", ()):
        own = rule.get("leg", "").removeprefix("ERROR_LEG_")
        # In a refresh those that tell the calls apart are enough.
        if leg == "REFRESH" and not own:
            continue
        for status in rule.get("statuses", [plain]):
            for code in rule.get("codes", [""]):
                yield status, code, 0, 0
    codes = ["invalid_grant", "invalid_client"]
    if leg == "EXCHANGE":
        codes.append("invalid_scope")
        yield 429, "", 0, 0
        yield 503, "", 0, 0
    for code in codes:
        yield plain, code, 0, 0
    if leg == "EXCHANGE":
        for place in range(1, len(pointers(d, "code"))):
            yield plain, "invalid_grant", place, 0
        for place in range(1, len(pointers(d, "message"))):
            yield plain, "invalid_grant", 0, place


def cases(d: Definition, leg: str) -> list[Case]:
    """Failed answers to an EXCHANGE or a REFRESH, each once."""
    found = {}
    for status, code, place, message in _raw(d, leg):
        kind = classify(d, leg, status, code)
        if leg == "REFRESH" and kind in ("THROTTLED", "UNAVAILABLE"):
            continue
        case = Case(status, code, kind, place, message)
        found[str(case), place, message] = case
    if leg == "REFRESH" and _own_codes(d, "GRANT_DEAD"):
        code = _own_codes(d, "GRANT_DEAD")[0]
        case = Case(_plain(d), code, classify(d, leg, _plain(d), code))
        if case.kind == "GRANT_DEAD":
            found[str(case), 0, 0] = case
    return list(found.values())


def _own_codes(d: Definition, kind: str) -> list[str]:
    return [
        code
        for rule in get(d, "errors.rules", ())
        if rule["errorClass"] == f"ERROR_CLASS_{kind}"
        for code in rule.get("codes", ())
    ]


def revocation_cases(d: Definition) -> Iterator[tuple[int, str, str]]:
    """(status, code, result) of failed answers to a revocation."""
    if not get(d, "revocation.steps"):
        return
    plain = 200 if get(d, "revocation.success.predicate") else 400
    for field, result in (
        ("already_invalid", "ALREADY_INVALID"),
        ("not_supported", "UNSUPPORTED_BY_PROVIDER"),
    ):
        for rule in get(d, f"revocation.{field}", ()):
            for status in rule.get("statuses", [plain]):
                for code in rule.get("codes", [""]):
                    yield status, code, result
                # Neither half of a rule is enough.
                if rule.get("codes") and rule.get("statuses"):
                    yield status, "4711", "FAILED"
            if rule.get("codes") and rule.get("statuses"):
                yield 409, rule["codes"][0], "FAILED"
