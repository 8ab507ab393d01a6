"""Templates of definitions, as definition.proto's first comment has them: what
they become is a regular expression, for some parts are fresh each time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

__all__ = ["Grant", "Missing", "expand", "expand_url", "values_for"]

_FRESH = {"random": r"[\w-]{43}", "now_ms": r"\d{13}"}


class Missing(Exception):
    """A variable of a template has no value."""


@dataclass
class Grant:
    """What a run knows: the client, the inputs, and what was given out."""

    client_id: str
    client_secret: str
    inputs: Mapping[str, str]
    redirect_uri: str
    callback: Mapping[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def values_for(grant: Grant, **more: str) -> dict[str, str]:
    """The variables of templates, as definition.proto lists them."""
    values = {f"input.{k}": v for k, v in grant.inputs.items()}
    values |= {f"meta.{k}": v for k, v in grant.metadata.items()}
    values |= {f"callback.{k}": v for k, v in grant.callback.items()}
    return values | {
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
        **more,
    }


def expand(
    template: str, values: Mapping[str, str], encode: Any = lambda v: v
) -> str:
    """A regular expression for what the template becomes."""
    out, rest = "", template
    while rest:
        if re.match(r"\{[a-z]", rest):
            name, rest = rest[1:].split("}", 1)
            if name in _FRESH:
                out += _FRESH[name]
            elif not values.get(name):
                raise Missing(name)
            else:
                out += re.escape(encode(values[name]))
        else:
            out += re.escape(rest[0])
            rest = rest[1:]
    return out


def expand_url(template: str, values: Mapping[str, str]) -> str:
    """A URL: values are percent-encoded, but for those in its host."""
    if template.startswith("{"):
        name, rest = template[1:].split("}", 1)
        if not values.get(name):
            raise Missing(name)
        head = re.escape(values[name].rstrip("/"))
    else:
        scheme, _, after = template.partition("//")
        host, slash, path = after.partition("/")
        head = re.escape(scheme + "//") + expand(host, values)
        rest = slash + path
    url = head + expand(rest, values, lambda v: quote(v, safe=""))
    # With no path at all a slash is put there on the way.
    return url + "/" if url.count("/") == 2 else url
