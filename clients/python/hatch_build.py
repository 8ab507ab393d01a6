"""Generates the contract's code when the package is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GenerateHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs generate.py, which does nothing where the code is fresh."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from generate import generate
        finally:
            sys.path.remove(str(root))
        generate(root / "src")
        if not (root / "src/valetkey/v1/token_service_pb2.py").exists():
            raise RuntimeError("the code of the contract is not generated")
