"""The flags that the manifests give are flags that the programs take, and the
overlays' caller policy lets in the examples' pods and nobody else."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from e2e.stack import COMMAND_LINE, SERVER, SIDECAR, missing
from k8s import render
from k8s.render import Manifest

_LACKING = missing() or render.missing("helm", "kustomize")


def flag_lines(manifests: list[Manifest], wanted: str) -> list[str]:
    """Of the containers of this name, flag files opened."""
    configs: dict[str, str] = {}
    for it in manifests:
        if it["kind"] == "ConfigMap":
            configs |= it.get("data") or {}
    found: list[str] = []
    for pod in map(pod_of, manifests):
        for container in pod.get("initContainers", []) + pod.get(
            "containers", []
        ):
            if container["name"] != wanted:
                continue
            for argument in container["args"]:
                path = argument.removeprefix("--flagfile=")
                text = (
                    argument if path == argument else configs[Path(path).name]
                )
                found += text.splitlines()
    return [line for line in found if line and not line.startswith("#")]


def pod_of(manifest: Manifest) -> Manifest:
    """What it would run; {} if nothing."""
    template = (manifest.get("spec") or {}).get("template", {})
    return template.get("spec", {})


def policies(rendered: dict[str, str]) -> dict[str, str]:
    """Caller policies, by where they are from."""
    return {
        name: it["data"]["callers.textproto"]
        for name, text in rendered.items()
        for it in render.parse(text)
        if it["kind"] == "ConfigMap" and "callers.textproto" in it["data"]
    }


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@unittest.skipIf(_LACKING, _LACKING)
class Flags(unittest.TestCase):
    def taken_by_server(self, flags: list[str]) -> None:
        # All flags are read and checked before the server finds that there is
        # no store to migrate, which is what it says then.
        done = run(SERVER, *flags, "--migrate_only", "--store=")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--migrate_only: expected together", done.stderr)

    def taken_by_sidecar(self, flags: list[str]) -> None:
        # The last that is checked of what is in flags alone.
        done = run(SIDECAR, *flags, "--health_listen=nowhere")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--health_listen: expected", done.stderr)

    def test_all_are_known_and_make_sense(self) -> None:
        for program, taken, least in (
            ("valetkeyd", self.taken_by_server, 5),
            ("valetkey-sidecar", self.taken_by_sidecar, 4),
        ):
            seen = 0
            for name, text in render.all_rendered().items():
                flags = flag_lines(render.parse(text), program)
                if flags:
                    seen += 1
                    with self.subTest(name):
                        taken(flags)
            self.assertGreaterEqual(seen, least)

    def test_a_slip_is_noticed(self) -> None:
        done = run(SERVER, "--migrate_only", "--store=", "--ilde_after=1h")
        self.assertNotIn("expected together", done.stderr)
        self.assertIn("ilde_after", done.stderr)
        done = run(SIDECAR, "--wram=c-7", "--health_listen=nowhere")
        self.assertNotIn("--health_listen: expected", done.stderr)
        self.assertIn("wram", done.stderr)


@unittest.skipIf(_LACKING, _LACKING)
class Policy(unittest.TestCase):
    """As `valetkey policy` judges it."""

    def setUp(self) -> None:
        self.rendered = render.all_rendered()
        self.policies = policies(self.rendered)
        self.folder = Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="vk-"))
        )

    def file(self, policy: str) -> str:
        path = self.folder / "callers.textproto"
        path.write_text(policy)
        return str(path)

    def judge(self, policy: str, account: str, **more: str) -> tuple[int, str]:
        claims = {
            "iss": "https://kubernetes.default.svc.cluster.local",
            "aud": ["valetkey"],
            "sub": f"system:serviceaccount:{account}",
            **more,
        }
        done = run(
            COMMAND_LINE,
            *("policy", "test", "--policy", self.file(policy)),
            *("--claims", json.dumps(claims)),
        )
        return done.returncode, done.stdout + done.stderr

    def test_each_is_good(self) -> None:
        self.assertLessEqual(
            {"overlays/dev", "overlays/production", "chart/ci/dev.yaml"},
            set(self.policies),
        )
        for name, policy in self.policies.items():
            with self.subTest(name):
                done = run(COMMAND_LINE, "policy", "check", self.file(policy))
                self.assertEqual(done.returncode, 0, done.stderr)

    def callers(self) -> dict[str, list[str]]:
        """The examples' service accounts, with their sidecars' flags."""
        found = {}
        for text in self.rendered.values():
            manifests = render.parse(text)
            flags = flag_lines(manifests, "valetkey-sidecar")
            for it in manifests:
                name = pod_of(it).get("serviceAccountName")
                if flags and name:
                    found[f"{it['metadata']['namespace']}:{name}"] = flags
        return found

    def test_the_examples_are_let_in(self) -> None:
        self.assertTrue(self.callers())
        for account, flags in self.callers().items():
            application = next(
                flag.partition("=")[2]
                for flag in flags
                if flag.startswith("--application=")
            )
            for overlay in ("overlays/dev", "overlays/production"):
                with self.subTest(account, overlay=overlay):
                    code, told = self.judge(self.policies[overlay], account)
                    self.assertEqual(code, 0, told)
                    self.assertIn(application, told)
                    self.assertEqual(
                        set(re.findall(r"RIGHT_\w+", told)),
                        {"RIGHT_READ_TOKENS", "RIGHT_READ_METADATA"},
                    )

    def test_nobody_else_is(self) -> None:
        for overlay in ("overlays/dev", "overlays/production"):
            for account, more in (
                ("shop:default", {}),
                ("shop:shop2", {}),
                ("other:shop", {}),
                ("valetkey:valetkey", {}),
                ("shop:shop", {"iss": "https://elsewhere.example"}),
            ):
                with self.subTest(account, overlay=overlay, **more):
                    code, told = self.judge(
                        self.policies[overlay], account, **more
                    )
                    self.assertEqual(code, 5, told)


if __name__ == "__main__":
    unittest.main()
