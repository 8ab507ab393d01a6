"""Wrong definitions: one field of a good one changed, so that its run must fail.

A mutant is a definition file with an id of its own; the server runs it while
the emulator is made of the original.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from catalog.definitions import Definition

__all__ = ["UNSEEN", "Mutant", "mutants_of", "sample", "to_text"]

# Texts for people, and what no request or answer shows.
UNSEEN = {
    "displayName": "text",
    "category": "text",
    "summary": "text",
    "links": "text",
    "properties": "text",
    "setupSteps": "text",
    "notes": "text",
    "apiBaseUrl": "text for callers",
    "scopes.description": "text",
    "scopes.advanced": "text",
    "scopes.needsApproval": "text",
    "scopes.approvalNote": "text",
    "scopes.name": "an offer; any other may be asked for",
    "inputs.displayName": "text",
    "inputs.description": "text",
    "inputs.example": "text",
    "environments": "each is run by itself",
    "refresh.rotation": "for people: the broker keeps whichever token comes",
    "refresh.window": "moves the scheduler only (lifetimes_test.cc)",
    "refresh.minAge": "moves the scheduler only (lifetimes_test.cc)",
    "lifetimes.keepaliveBefore": "moves the scheduler only",
    "inputs.pattern": "bounds what is given; good values pass either way",
    "inputs.allowedValues": "the same",
    "inputs.defaultValue": "the run gives each input",
    "inputs.source": "the checks refuse most others",
    "allowedHosts": "host_input_test.cc",
    "authorization.defaultScopes": "the run names its scopes",
    "authorization.allowedExtraParameters": "only the first is given",
    "verification.anyScopes": "the run has the scope",
    "verification.displayNamePointers": "only the first is answered",
    "response.mainTokenOptional": "the main token is there",
    "discovery.choice": "the run names the tenant (after_exchange_test.cc)",
    "callback.issuerRequired": "the issuer is there",
    "revocation.steps.effect": "with one step nothing follows to be spared",
}


@dataclass(frozen=True)
class Mutant:
    of: str  # the key of the run
    path: str  # without indices: "token.renames.to"
    what: str
    definition: Definition


def _values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Other values for a leaf, with what was done; None drops it."""
    last = path.rsplit(".", 1)[-1]
    if isinstance(value, bool):
        yield "dropped", None
    elif isinstance(value, int):
        yield "another status", 299 if value < 300 else 418
    elif last == "url":
        yield "another path", value.rstrip("/") + "/other"
    elif value in _ENUMS:
        yield f"{_ENUMS[value]}", _ENUMS[value]
    elif re.fullmatch(r"\d+s", str(value)):
        yield "twice as long", f"{2 * int(value[:-1])}s"
    elif "pointer" in last.lower():
        yield "another pointer", value + "/other"
    elif last == "scopeSeparator":
        yield "another separator", "+" if value == "," else ","
    elif isinstance(value, str) and value == value.upper() and "_" in value:
        yield "dropped", None
    else:
        yield "another text", _other(value)


def _other(text: str) -> str:
    if text.endswith("}"):
        return "x" + text
    return text[:-1] + ("y" if text.endswith("x") else "x")


_ENUMS = {
    "CLIENT_AUTHENTICATION_METHOD_BASIC": "CLIENT_AUTHENTICATION_METHOD_POST",
    "CLIENT_AUTHENTICATION_METHOD_POST": "CLIENT_AUTHENTICATION_METHOD_BASIC",
    "CLIENT_AUTHENTICATION_METHOD_NONE": "CLIENT_AUTHENTICATION_METHOD_POST",
    "CLIENT_AUTHENTICATION_METHOD_OMITTED": "CLIENT_AUTHENTICATION_METHOD_POST",
    "CLIENT_AUTHENTICATION_METHOD_BASIC_SECRET_USER":
        "CLIENT_AUTHENTICATION_METHOD_BASIC",
    "CLIENT_AUTHENTICATION_METHOD_HEADER": "CLIENT_AUTHENTICATION_METHOD_POST",
    "ENCODING_JSON": "ENCODING_FORM",
    "ENCODING_QUERY": "ENCODING_FORM",
    "ENCODING_FORM": "ENCODING_JSON",
    "PKCE_SUPPORT_REQUIRED": "PKCE_SUPPORT_OFF",
    "PKCE_SUPPORT_SUPPORTED": "PKCE_SUPPORT_OFF",
    "PKCE_SUPPORT_TOLERATED": "PKCE_SUPPORT_SUPPORTED",
    "PKCE_SUPPORT_OFF": "PKCE_SUPPORT_SUPPORTED",
    "HTTP_METHOD_DELETE": "HTTP_METHOD_POST",
    "HTTP_METHOD_GET": "HTTP_METHOD_DELETE",
    "HTTP_METHOD_POST": "HTTP_METHOD_PUT",
    "REFRESH_KIND_NONE": "REFRESH_KIND_ACCESS_TOKEN",
    "REFRESH_KIND_REFRESH_TOKEN": "REFRESH_KIND_NONE",
    "REFRESH_KIND_ACCESS_TOKEN": "REFRESH_KIND_NONE",
    "REFRESH_KIND_EXTEND": "REFRESH_KIND_REFRESH_TOKEN",
    "REVOKED_TOKEN_REFRESH": "REVOKED_TOKEN_ACCESS",
    "REVOKED_TOKEN_ACCESS": "REVOKED_TOKEN_REFRESH",
    "REVOKED_TOKEN_REFRESH_OR_ACCESS": "REVOKED_TOKEN_ACCESS",
    "ERROR_CLASS_GRANT_DEAD": "ERROR_CLASS_REQUEST_REJECTED",
    "ERROR_CLASS_CLIENT_REJECTED": "ERROR_CLASS_REQUEST_REJECTED",
    "ERROR_CLASS_AMBIGUOUS": "ERROR_CLASS_REQUEST_REJECTED",
    "ERROR_CLASS_REQUEST_REJECTED": "ERROR_CLASS_GRANT_DEAD",
    "ERROR_CLASS_THROTTLED": "ERROR_CLASS_GRANT_DEAD",
    "ERROR_CLASS_UNAVAILABLE": "ERROR_CLASS_GRANT_DEAD",
    "JWT_ALGORITHM_ES256": "JWT_ALGORITHM_RS256",
    "JWT_ALGORITHM_RS256": "JWT_ALGORITHM_ES256",
}


def _leaves(
    node: Any, steps: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _leaves(inner, (*steps, name))
    elif isinstance(node, list):
        # The first and the last of a list say enough of it.
        for index in sorted({0, len(node) - 1}):
            yield from _leaves(node[index], (*steps, index))
    else:
        yield steps, node


def _unseen(path: str) -> bool:
    parts = path.split(".")
    return any(".".join(parts[:n]) in UNSEEN for n in (1, 2, 3))


def _change(d: Definition, steps: tuple[Any, ...], value: Any) -> Definition:
    made = copy.deepcopy(d)
    at: Any = made
    for step in steps[:-1]:
        at = at[step]
    if value is None:
        del at[steps[-1]]
    else:
        at[steps[-1]] = value
    return made


def _drops(d: Definition, key: str) -> Iterator[Mutant]:
    """A whole entry of a list left out."""

    def walk(node: Any, steps: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(node, dict):
            for name, inner in node.items():
                yield from walk(inner, (*steps, name))
        elif isinstance(node, list) and node:
            yield (*steps, len(node) - 1)
            if isinstance(node[-1], dict):
                yield from walk(node[-1], (*steps, len(node) - 1))

    for steps in walk(d, ()):
        path = ".".join(s for s in steps if isinstance(s, str))
        if path in ("inputs", "scopes") or _unseen(path):
            continue
        made = _change(d, steps, None)
        yield Mutant(key, path, "an entry dropped", made)


def mutants_of(key: str, d: Definition) -> Iterator[Mutant]:
    for steps, value in _leaves(d):
        path = ".".join(s for s in steps if isinstance(s, str))
        if path == "id" or _unseen(path):
            continue
        for what, other in _values(path, value):
            yield Mutant(key, path, what, _change(d, steps, other))
    yield from _drops(d, key)


def sample(mutants: list[Mutant], each: int) -> list[Mutant]:
    """So many of each field and kind of change, spread over the definitions."""
    groups: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in mutants:
        groups.setdefault((mutant.path, mutant.what), []).append(mutant)
    chosen = []
    for group in groups.values():
        step = max(1, len(group) // each)
        chosen += group[::step][:each]
    return chosen


def _quote(text: str) -> str:
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        else:
            out.append(char if 32 <= byte < 127 else f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def to_text(node: Definition) -> str:
    """A definition as protobuf's text format."""
    lines = []
    for name, value in node.items():
        field = re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                lines.append(f"{field} {{\n{to_text(item)}\n}}")
            elif isinstance(item, bool):
                lines.append(f"{field}: {str(item).lower()}")
            elif isinstance(item, int):
                lines.append(f"{field}: {item}")
            elif field in _DURATIONS:
                lines.append(f"{field} {{ seconds: {item.removesuffix('s')} }}")
            elif field in _ENUM_FIELDS or item.startswith("INPUT_SOURCE_"):
                lines.append(f"{field}: {item}")
            else:
                lines.append(f"{field}: {_quote(item)}")
    return "\n".join(lines)


_DURATIONS = {
    "access",
    "refresh_idle",
    "refresh_absolute",
    "keepalive_before",
    "window",
    "min_age",
    "lifetime",
}
_ENUM_FIELDS = {
    "category",
    "confidence",
    "scope_mode",
    "scope_encoding",
    "response_mode",
    "support",
    "method",
    "basic_encoding",
    "algorithm",
    "encoding",
    "format",
    "scope_format",
    "timing",
    "kind",
    "rotation",
    "choice",
    "token",
    "effect",
    "leg",
    "error_class",
}
