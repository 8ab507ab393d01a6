"""JSON schemas of Kubernetes for kubeconform, from those that the PyPI package
kubernetes-validate brings.

There each refers to a file of definitions by a URL, which kubeconform would
fetch. Here each has what it refers to in itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_REFERENCE = re.compile(r'"(?:/api/_definitions\.json)?#/\$defs/([^"]+)"')


def source(tools: Path) -> Path:
    return tools / "python/kubernetes_validate/kubernetes-json-schema"


def file_name(api_version: str, kind: str) -> str:
    """As both call it: deployment-apps-v1.json."""
    group, _, version = api_version.rpartition("/")
    short = group.split(".")[0]
    return "-".join(filter(None, [kind.lower(), short, version])) + ".json"


def convert(
    tools: Path, target: Path, version: str, kinds: Iterable[tuple[str, str]]
) -> None:
    """Writes target/vVERSION/KIND.json for each (apiVersion, kind) that this
    version of Kubernetes has."""
    folder = source(tools) / f"v{version}-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_text())[
        "$defs"
    ]
    out = target / f"v{version}"
    out.mkdir(parents=True, exist_ok=True)
    for api_version, kind in sorted(set(kinds)):
        name = file_name(api_version, kind)
        if (folder / name).exists():
            schema = json.loads((folder / name).read_text())
            (out / name).write_text(_standalone(schema, definitions))


def _standalone(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    schema.pop("$id", None)
    needed: dict[str, Any] = {}
    waiting = _REFERENCE.findall(json.dumps(schema))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = definitions[name]
            waiting += _REFERENCE.findall(json.dumps(definitions[name]))
    schema["$defs"] = needed
    return _REFERENCE.sub(r'"#/$defs/\1"', json.dumps(schema))
