"""Whether a request is the expected one, to the letter; what is not, said."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from catalog.requests import Expected

__all__ = ["Received", "differences"]

# Fields that HTTP itself needs, or that our HTTP client sends to everyone.
_PLAIN = {
    "host",
    "content-length",
    "connection",
    "accept-encoding",
    "user-agent",
    "traceparent",
}


@dataclass(frozen=True)
class Received:
    method: str
    url: str  # as the caller meant it, without the query
    query: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes


def _json_pairs(body: bytes) -> list[tuple[str, str]] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if not isinstance(found, dict) or not all(
        isinstance(v, str) for v in found.values()
    ):
        return None
    return list(found.items())


def _form_pairs(text: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        return None


def _compare(
    what: str,
    sent: list[tuple[str, str]] | None,
    wanted: list[tuple[str, str]],
    out: list[str],
) -> None:
    if sent is None:
        out.append(f"{what} cannot be read")
        return
    left = dict(sent)
    if len(left) != len(sent):
        out.append(f"{what} has a parameter twice: {[n for n, _ in sent]}")
    for name, pattern in wanted:
        if name not in left:
            out.append(f"{what} lacks {name}")
        elif not re.fullmatch(pattern, left.pop(name)):
            out.append(f"{what}: {name} has another value")
    if left:
        out.append(f"{what} has {', '.join(sorted(left))}, which nobody asked for")


def _jwt_faults(text: str, claims: Mapping[str, str]) -> list[str]:
    def part(index: int) -> dict[str, Any]:
        raw = text.split(".")[index]
        return json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))

    header, body = part(0), part(1)
    out = []
    if header.get("alg") != claims["alg"]:
        out.append("the JWT has another algorithm")
    if not re.fullmatch(claims["kid"], header.get("kid", "")):
        out.append("the JWT has another key id")
    for name in ("iss", "sub", "aud"):
        if not re.fullmatch(claims[name], body.get(name, "")):
            out.append(f"the JWT has another {name}")
    if body.get("exp", 0) - body.get("iat", 0) != int(claims["lifetime"]):
        out.append("the JWT has another lifetime")
    return out


def differences(received: Received, expected: Expected) -> list[str]:
    """What is not as expected; empty for the right request."""
    out: list[str] = []
    if received.method != expected.method:
        out.append(f"{received.method} in place of {expected.method}")
    url, _, fixed = expected.url.partition(r"\?")
    if not re.fullmatch(url, received.url):
        out.append(f"another URL: {received.url}")
    query: list[tuple[str, str]] = []
    for pair in filter(None, fixed.split(r"\&")):
        name, _, value = pair.partition("=")
        query.append((unquote(name.replace("\\", "")), value))
    sent = received.body.decode("utf-8", "replace")
    if expected.body is not None:
        if not re.fullmatch(expected.body, sent):
            out.append("another body")
    elif expected.encoding == "QUERY":
        query += expected.parameters
        if sent:
            out.append("a body, and none is wanted")
    elif expected.encoding == "JSON":
        _compare("body", _json_pairs(received.body), expected.parameters, out)
    else:
        _compare("body", _form_pairs(sent), expected.parameters, out)
    _compare_query(received.query, query, out)
    headers = dict(received.headers)
    for name, pattern in expected.headers.items():
        if name not in headers:
            out.append(f"lacks the header {name}")
        elif not re.fullmatch(pattern, headers.pop(name)):
            out.append(f"the header {name} has another value")
    extra = sorted(set(headers) - _PLAIN)
    if extra:
        out.append(f"has the headers {', '.join(extra)}")
    if expected.jwt and not out:
        found = re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", sent + received.query)
        out += (
            _jwt_faults(found.group(), expected.jwt)
            if found
            else ["there is no JWT"]
        )
    return out


def _compare_query(
    sent: str, wanted: list[tuple[str, str]], out: list[str]
) -> None:
    # "?refresh", a name without a value, is no pair.
    bare = [name for name, value in wanted if not value and "=" not in sent]
    if bare and sent in bare:
        return
    # Values in the URL's template are encoded already.
    try:
        pairs = parse_qsl(sent, keep_blank_values=True)
    except ValueError:
        pairs = None
    plain = [(name, _decoded(value)) for name, value in wanted]
    _compare("query", pairs, plain, out)


def _decoded(pattern: str) -> str:
    """%5B in a template is [ once it is read."""
    return re.sub(
        r"%([0-9A-F]{2})", lambda m: re.escape(chr(int(m[1], 16))), pattern
    )
