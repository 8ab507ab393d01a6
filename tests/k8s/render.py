"""Renders what is in k8s/: overlays and examples by kustomize, the chart by
helm, as dictionaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
CHART = K8S / "chart"
TOOLS = Path(os.environ.get("VALETKEY_TOOLS_DIR", ROOT / "build/tools"))

sys.path.append(str(TOOLS / "python"))
try:
    import yaml
except ImportError:  # Debian: python3-yaml; ./dev installs its own
    yaml = None

OVERLAYS = sorted(
    path.parent for path in K8S.glob("overlays/*/kustomization.yaml")
)
EXAMPLES = sorted(
    path.parent for path in K8S.glob("examples/*/kustomization.yaml")
)
EXAMPLES += sorted(
    path.parent for path in ROOT.glob("tests/k8s/*/kustomization.yaml")
)
VALUES = sorted(CHART.glob("ci/*.yaml"))

Manifest = dict[str, Any]


class RenderError(Exception):
    """What a tool said."""


def tool(name: str) -> str:
    """Its path; "" if it is not here."""
    own = TOOLS / "bin" / name
    return str(own) if own.exists() else shutil.which(name) or ""


def missing(*names: str) -> str:
    """What keeps a test from running; "" if nothing does."""
    if yaml is None:
        return "Python's yaml is not here"
    lacking = [name for name in names if not tool(name)]
    return f"{lacking[0]} is not here" if lacking else ""


def run(name: str, *arguments: str | Path, stdin: str = "") -> str:
    done = subprocess.run(
        [tool(name) or name, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise RenderError(f"{name}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def kustomize(folder: Path) -> str:
    return run("kustomize", "build", folder)


def helm(values: Path, *arguments: str) -> str:
    return run(
        *("helm", "template", "valetkey", CHART, "--namespace", "valetkey"),
        *("--values", values, *arguments),
    )


def parse(text: str) -> list[Manifest]:
    return [it for it in yaml.safe_load_all(text) if it]


def key(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def all_rendered() -> dict[str, str]:
    """Everything that k8s/ describes, by where it is from."""
    found = {
        str(p.relative_to(K8S if p.is_relative_to(K8S) else ROOT)): kustomize(p)
        for p in OVERLAYS + EXAMPLES
    }
    found |= {f"chart/ci/{v.name}": helm(v) for v in VALUES}
    found |= {
        str(path.relative_to(K8S)): path.read_text()
        for path in sorted(K8S.glob("examples/*.yaml"))
    }
    return found
