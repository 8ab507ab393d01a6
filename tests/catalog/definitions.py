"""Definitions as the server gives them: protobuf's JSON, read plainly.

    entries = {d["id"]: d for d in catalog}
    for run in runs_of(entries["square"]):   # production and each environment
        run.definition["token"]["url"]
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Definition",
    "Run",
    "base_urls",
    "camel",
    "get",
    "host_variables",
    "names_of",
    "runs_of",
    "seconds",
    "urls_of",
    "variables_of",
]

Definition = dict[str, Any]
_BASE = re.compile(r"\{meta\.([a-z0-9_]+)\}")
_VARIABLE = re.compile(r"\{([a-z_]+(?:\.[a-z0-9_]+)?)\}")


@dataclass(frozen=True)
class Run:
    """One definition in one environment, under a key of its own."""

    key: str
    catalog_entry: str
    environment: str
    definition: Definition


def camel(name: str) -> str:
    """"cleared_fields" to "clearedFields", as protobuf's JSON has it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def get(message: Mapping[str, Any], path: str, fallback: Any = None) -> Any:
    """What is at "token.renames"; `fallback` where nothing is."""
    at: Any = message
    for name in path.split("."):
        at = at.get(camel(name)) if isinstance(at, Mapping) else None
        if at is None:
            return fallback
    return at


def urls_of(d: Mapping[str, Any]) -> Iterator[str]:
    """The URL templates that requests go to."""

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                if name == "url":
                    yield inner
                elif name != "links":
                    yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    return walk(d)


def base_urls(d: Mapping[str, Any]) -> dict[str, str]:
    """Captures that whole URLs begin with, with such a value as is allowed."""
    names = [m[1] for m in map(_BASE.match, urls_of(d)) if m]
    host = d.get("allowedHosts", [""])[0].replace("*", "na1")
    return {name: f"https://{host}/base/" for name in names}


def seconds(duration: str | None) -> int | None:
    """"3600s" to 3600."""
    return None if duration is None else int(duration.removesuffix("s"))


def variables_of(template: str) -> list[str]:
    return _VARIABLE.findall(template)


def host_variables(template: str) -> list[str]:
    """The variables in front of a URL's path."""
    if template.startswith("{"):
        return [template[1 : template.index("}")]]
    return variables_of(template.split("/")[2] if "//" in template else "")


def names_of(listed: list[Mapping[str, Any]] | None) -> list[str]:
    return [entry["name"] for entry in listed or ()]


def _override(target: Definition, source: Mapping[str, Any]) -> None:
    """Set fields replace, messages merge, lists are replaced whole."""
    for name, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(name), dict):
            _override(target[name], value)
        else:
            target[name] = copy.deepcopy(value)


def _clear(target: Definition, path: str) -> None:
    *parents, last = [camel(name) for name in path.split(".")]
    for name in parents:
        target = target.get(name, {})
    target.pop(last, None)


def runs_of(entry: Definition) -> Iterator[Run]:
    plain = copy.deepcopy(entry)
    environments = plain.pop("environments", [])
    name = f"catalog/{entry['id']}"
    yield Run(entry["id"], name, "", plain)
    for environment in environments:
        merged = copy.deepcopy(plain)
        for path in environment.get("clearedFields", ()):
            _clear(merged, path)
        _override(merged, environment.get("overrides", {}))
        label = environment["name"]
        key = f"{entry['id']}-{label.replace('_', '-')}"
        yield Run(key, name, label, merged)
