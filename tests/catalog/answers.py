"""Answers in the shapes that a definition says its provider has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from catalog.definitions import Definition, get, seconds

__all__ = [
    "LIFE",
    "Answer",
    "access_life",
    "classify",
    "failure",
    "pointers",
    "put",
    "refresh_life",
    "token_answer",
    "typed",
]

LIFE = 3700  # s, of access tokens whose answer says so
REFRESH_LIFE = 1_234_567  # s
_DEFAULTS = {
    "invalid_grant": "GRANT_DEAD",
    "invalid_client": "CLIENT_REJECTED",
    "unauthorized_client": "CLIENT_REJECTED",
    "invalid_scope": "REQUEST_REJECTED",
    "invalid_request": "REQUEST_REJECTED",
    "unsupported_grant_type": "REQUEST_REJECTED",
    "temporarily_unavailable": "UNAVAILABLE",
    "server_error": "UNAVAILABLE",
    "slow_down": "THROTTLED",
}


class Answer:
    """A response of the emulator's."""

    def __init__(
        self, status: int, body: Any = None, kind: str = "application/json"
    ) -> None:
        self.status = status
        self.kind = kind
        if body is None:
            self.body = b""
        elif kind == "application/json":
            self.body = json.dumps(body).encode()
        else:
            self.body = urlencode(body).encode()


def typed(text: str) -> Any:
    """A predicate's text as JSON would have it: true, 0, "0000"."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isdigit() and str(int(text)) == text else text


def put(root: Any, pointer: str, value: Any) -> Any:
    """Sets what a JSON pointer (RFC 6901) leads to, and returns the root."""
    if not pointer:
        return value
    steps = [
        step.replace("~1", "/").replace("~0", "~")
        for step in pointer[1:].split("/")
    ]
    root = {} if root is None and not steps[0].isdigit() else root
    if root is None:
        root = []
    at = root
    for i, step in enumerate(steps):
        last = i + 1 == len(steps)
        following: Any = value
        if not last:
            following = [] if steps[i + 1].isdigit() else {}
        if isinstance(at, list):
            index = int(step)
            while len(at) <= index:
                at.append({})
            if last or not isinstance(at[index], (dict, list)) or (
                isinstance(following, list) and not at[index]
            ):
                at[index] = following
            at = at[index]
        else:
            if last or not isinstance(at.get(step), (dict, list)):
                at[step] = following
            at = at[step]
    return root


def _expiry(rule: Mapping[str, Any], now: float, life: int) -> Any:
    how = rule.get("format", "").removeprefix("EXPIRY_FORMAT_")
    if how == "MILLISECONDS":
        return life * 1000
    if how == "UNIX_SECONDS":
        return int(now) + life
    if how == "UNIX_MILLISECONDS":
        return (int(now) + life) * 1000
    if how == "RFC3339":
        moment = datetime.fromtimestamp(int(now) + life, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return life


def _scopes(d: Definition, rules: Mapping[str, Any], scopes: list[str]) -> Any:
    how = rules.get("scopeFormat", "")
    if how == "SCOPE_FORMAT_BEFORE_BAR":
        return " ".join(scopes) + "|tenant.example"
    # A list, or text with either separator: all are read.
    form = sum(map(ord, d["id"])) % 3
    return scopes if form == 0 else (" ", ",")[form - 1].join(scopes)


def token_answer(
    d: Definition,
    rules: Mapping[str, Any],
    now: float,
    tokens: Mapping[str, tuple[str, str]],  # by name; refresh may be ""
    scopes: Mapping[str, list[str]],  # by name, as the provider names them
    captures: Mapping[str, str],
    told: bool,  # whether lifetimes are in the answer
) -> Answer:
    """The answer of the token endpoint, or of a hop after it."""
    root: Any = {}
    bases = {"": rules.get("basePointer", "")} | {
        extra["name"]: extra["basePointer"]
        for extra in rules.get("extraTokens", ())
    }
    for capture in rules.get("captures", ()):
        root = put(root, capture["pointer"], captures[capture["name"]])
    for name, (access, refresh) in tokens.items():
        base = bases[name]
        fields = {rules.get("accessTokenPointer", "/access_token"): access}
        fields[rules.get("tokenTypePointer", "/token_type")] = "Bearer"
        if refresh:
            pointer = rules.get("refreshTokenPointer", "/refresh_token")
            fields[pointer] = refresh
        pointer = rules.get("scopePointer", "/scope")
        if rules.get("scopeFormat") == "SCOPE_FORMAT_IGNORED":
            fields[pointer] = [4]
        elif scopes.get(name):
            fields[pointer] = _scopes(d, rules, scopes[name])
        if told:
            listed = rules.get("expiries") or [{"pointer": "/expires_in"}]
            fields[listed[0]["pointer"]] = _expiry(listed[0], now, LIFE)
            for rule in rules.get("refreshExpiries", ())[:1]:
                if refresh:
                    fields[rule["pointer"]] = _expiry(rule, now, REFRESH_LIFE)
        for pointer, value in fields.items():
            root = put(root, base + pointer, value)
    success = rules.get("success", {})
    if "predicate" in success:
        predicate = success["predicate"]
        root = put(root, predicate["pointer"], typed(predicate["equals"]))
    status = success.get("statuses", [200])[0]
    if rules.get("allowForm") and all(
        not isinstance(value, (dict, list)) for value in root.values()
    ):
        kind = "text/plain"  # as providers do that answer so
        return Answer(status, root, kind)
    return Answer(status, root)


def pointers(d: Definition, field: str) -> list[str]:
    fallback = "/error" if field == "code" else "/error_description"
    return get(d, f"errors.{field}_pointers", [fallback])


def failure(
    d: Definition, status: int, code: str, at: int = 0, message_at: int = 0
) -> Answer:
    """A failed answer with a code and a message at the places, by number,
    where the definition looks for them."""
    pointer = pointers(d, "code")[at]
    messages = pointers(d, "message")
    message = next(
        # An error that is a word has nothing inside.
        place
        for place in [messages[message_at], *messages]
        if not place.startswith(pointer + "/")
    )
    root: Any = {}
    predicate = get(d, "response.success.predicate")
    if predicate and predicate["pointer"] not in pointers(d, "code")[: at + 1]:
        wrong = {"true": False, "false": True}.get(predicate["equals"], 4711)
        root = put(root, predicate["pointer"], wrong)
    root = put(root, message, "as told")
    if code:
        root = put(root, pointer, int(code) if code.isdigit() else code)
    return Answer(status, root)


def classify(d: Definition, leg: str, status: int, code: str) -> str:
    """What such an answer means: the map, then RFC 6749, then the status."""
    for rule in get(d, "errors.rules", ()):
        if (
            rule.get("leg", "ERROR_LEG_UNSPECIFIED")
            in ("ERROR_LEG_UNSPECIFIED", f"ERROR_LEG_{leg}")
            and status in rule.get("statuses", [status])
            and code in rule.get("codes", [code])
        ):
            return rule["errorClass"].removeprefix("ERROR_CLASS_")
    if status == 429:
        return "THROTTLED"
    if status >= 500 or status == 408:
        return "UNAVAILABLE"
    return _DEFAULTS.get(code, "UNREADABLE")


def access_life(d: Definition, told: bool) -> int | None:
    return LIFE if told else seconds(get(d, "lifetimes.access"))


def refresh_life(d: Definition, told: bool, first: bool) -> int | None:
    if told and get(d, "response.refresh_expiries"):
        return REFRESH_LIFE
    lives = [seconds(get(d, "lifetimes.refresh_idle"))]
    if first:
        lives.append(seconds(get(d, "lifetimes.refresh_absolute")))
    known = [life for life in lives if life]
    return min(known) if known else None
