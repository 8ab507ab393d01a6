"""The flags that the manifests give are flags that the server takes."""

from __future__ import annotations

import subprocess
import unittest
from pathlib import Path

from e2e.stack import SERVER, missing
from k8s import render
from k8s.render import Manifest

_LACKING = missing() or render.missing("helm", "kustomize")


def flag_lines(manifests: list[Manifest]) -> list[str]:
    """Of the server's container, flag files opened."""
    configs: dict[str, str] = {}
    for it in manifests:
        if it["kind"] == "ConfigMap":
            configs |= it.get("data") or {}
    found: list[str] = []
    for it in manifests:
        if it["kind"] == "Deployment" and it["metadata"]["name"] == "valetkey":
            container = it["spec"]["template"]["spec"]["containers"][0]
            for argument in container["args"]:
                path = argument.removeprefix("--flagfile=")
                text = (
                    argument if path == argument else configs[Path(path).name]
                )
                found += text.splitlines()
    return [line for line in found if line and not line.startswith("#")]


def server(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SERVER, *flags],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@unittest.skipIf(_LACKING, _LACKING)
class Flags(unittest.TestCase):
    def assert_taken(self, flags: list[str]) -> None:
        # All flags are read and checked before the server finds that there is
        # no store to migrate, which is what it says then.
        done = server(*flags, "--migrate_only", "--store=")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--migrate_only: expected together", done.stderr)

    def test_all_are_known_and_make_sense(self) -> None:
        callers = "--caller_policy" in server("--helpfull").stdout
        seen = 0
        for name, text in render.all_rendered().items():
            flags = flag_lines(render.parse(text))
            if not callers and any("--caller_policy" in f for f in flags):
                continue
            if flags:
                seen += 1
                with self.subTest(name):
                    # What the overlay for callers leaves to others.
                    if not any(f.startswith("--public_url") for f in flags):
                        flags.append("--public_url=https://tokens.example")
                    self.assert_taken(flags)
        self.assertGreaterEqual(seen, 4)

    def test_a_slip_is_noticed(self) -> None:
        done = server("--migrate_only", "--store=", "--ilde_after=1h")
        self.assertNotIn("expected together", done.stderr)
        self.assertIn("ilde_after", done.stderr)


if __name__ == "__main__":
    unittest.main()
