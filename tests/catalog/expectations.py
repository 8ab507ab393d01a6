"""What we expect of each definition, written down apart from it: one line of
expectations.tsv for each, so that a slip of the pen in a definition, which the
emulator made of it would follow, is noticed.

The columns: id, authorization URL, token URL, refresh URL (or -), revocation
URLs (or -), client authentication, separator of scopes, PKCE, body. Variables
are written as {}. A line's last column says why it is not what most clients do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from catalog.definitions import Definition, get

__all__ = ["COLUMNS", "expected", "found"]

COLUMNS = (
    "id",
    "authorize",
    "token",
    "refresh",
    "revoke",
    "client",
    "separator",
    "pkce",
    "body",
)
_FILE = Path(__file__).with_name("expectations.tsv")


def expected() -> dict[str, dict[str, str]]:
    rows = {}
    for line in _FILE.read_text().splitlines():
        if line and not line.startswith("#"):
            cells = line.split("\t")
            row = dict(zip(COLUMNS, cells, strict=False))
            rows[row["id"]] = row
    return rows


def _plain(url: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", url)


def _enum(value: Any, prefix: str) -> str:
    return str(value or "").removeprefix(prefix).lower() or "-"


def found(d: Definition) -> dict[str, str]:
    """The same, as the definition has it."""
    steps = get(d, "revocation.steps", ())
    urls = dict.fromkeys(_plain(step["url"]) for step in steps)
    separator = get(d, "authorization.scope_separator", " ")
    names = {" ": "space", ",": "comma", "+": "plus"}
    none = get(d, "authorization.scope_mode") == "SCOPE_MODE_NONE"
    refresh = get(d, "refresh.url", "")
    return {
        "id": d["id"],
        "authorize": _plain(d["authorization"]["url"]),
        "token": _plain(d["token"]["url"]),
        "refresh": _plain(refresh) or "-",
        "revoke": " ".join(urls) or "-",
        "client": _enum(
            get(d, "client_authentication.method"),
            "CLIENT_AUTHENTICATION_METHOD_",
        ),
        "separator": "none" if none else names[separator],
        "pkce": _enum(get(d, "pkce.support"), "PKCE_SUPPORT_"),
        "body": _enum(get(d, "token.encoding") or "form", "ENCODING_"),
    }
