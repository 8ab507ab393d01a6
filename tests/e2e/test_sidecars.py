"""The examples beside overlays/dev as containers: applications without a key
have their token by the socket, by the file and through the egress door."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from e2e.containers import Pods, podman
from e2e.installation import PROGRAM, Installation
from e2e.stack import COMMAND_LINE, StackError, free_port, wait_for
from k8s.render import K8S
from pinterest_emulator.client import request

_SIDECAR = "valetkey-sidecar"
# In place of the example's own. What the example itself runs comes from a
# registry in one of them.
_SIDECAR_FLAGS = """\
configMapGenerator:
  - name: valetkey-sidecar
    namespace: shop
    behavior: replace
    files:
      - sidecar.flags
"""
_NOTHING_TO_RUN = """\
patches:
  - target:
      kind: Deployment
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/image
        value: localhost/valetkey
      - op: replace
        path: /spec/template/spec/containers/0/command
        value: [/usr/bin/valetkey, version]
"""


class SidecarExamples(Installation):
    """The examples beside overlays/dev: applications without a key, whose
    sidecar has the token of a service account, as a cluster gives it."""

    def setUp(self) -> None:
        super().setUp()
        self.pods.play()
        self.await_ready()
        self.connection = self.connect()
        folder = tempfile.TemporaryDirectory(
            dir="/dev/shm" if os.path.isdir("/dev/shm") else None
        )
        self.addCleanup(folder.cleanup)
        self.shared = Path(folder.name)
        # podman knows no fsGroup: whoever is in the pod may enter.
        self.shared.chmod(0o755)
        self.run_folder = self.shared / "run"
        self.run_folder.mkdir()
        self.run_folder.chmod(0o777)
        tokens = self.shared / "token"
        tokens.mkdir()
        account = "system:serviceaccount:shop:shop"
        (tokens / "token").write_text(
            self.signer.sign(iss=self.issuer.url, sub=account)
        )
        self.tokens = tokens

    def example(self, name: str, *flags: str, extra: str = "") -> Pods:
        """Played, with the sidecar's flags for those of the example."""
        lines = (
            f"--upstream=127.0.0.1:{self.grpc}",
            f"--health_listen=127.0.0.1:{free_port()}",
            "--application=applications/shop",
            "--socket_mode=0666",
            *flags,
        )
        pods = self.enterContext(
            Pods(
                K8S / "examples" / name,
                _SIDECAR_FLAGS + extra,
                {"sidecar.flags": "\n".join(lines) + "\n"},
                {
                    "valetkey-run": self.run_folder,
                    "valetkey-token": self.tokens,
                },
            )
        )
        pods.play()
        return pods

    def test_by_the_socket(self) -> None:
        """The application has its token whichever container
        dies, and never one that is not valid."""
        pods = self.example("socket", f"--warm={self.connection}")
        wait_for("the socket", (self.run_folder / "valetkey.sock").exists)

        def ask() -> str:
            return pods.run_in("shop", "valetkey", "token", self.connection)

        def asked() -> str:
            """"" where there was none."""
            try:
                return ask().strip()
            except StackError:
                return ""

        token = self.token(self.connection)["accessToken"]
        self.assertEqual(wait_for("a token", asked), token)

        with self.subTest("no broker"):
            self.pods.kill(PROGRAM)
            for _ in range(3):
                self.assertEqual(ask().strip(), token)
            self.pods.start(PROGRAM)
            self.await_ready()

        with self.subTest("no sidecar"):
            pods.kill(_SIDECAR)
            self.assertEqual(asked(), "")
            pods.start(_SIDECAR)
            self.assertEqual(wait_for("a token again", asked), token)

        with self.subTest("a new token"):
            self.call(
                "Refresh", name=f"applications/shop/connections/{self.connection}"
            )
            new = self.token(self.connection)["accessToken"]
            self.assertNotEqual(new, token)
            seen = {token, new}

            def renewed() -> bool:
                now = asked()
                self.assertIn(now, seen)
                return now == new

            wait_for("the new token", renewed)

        with self.subTest("stops in order"):
            is_ = pods.inspect(_SIDECAR)
            self.assertTrue(is_["HostConfig"]["ReadonlyRootfs"])
            self.assertEqual(is_["EffectiveCaps"] or [], [])
            podman("stop", pods.container(_SIDECAR))
            code = pods.inspect(_SIDECAR)["State"]["ExitCode"]
            self.assertEqual(code, 0)

    def test_by_the_file(self) -> None:
        """It is there, changes, and goes with a revocation."""
        self.example(
            "file",
            f"--file={self.connection}=/run/valetkey/tokens/pinterest",
            "--file_mode=0444",
            extra=_NOTHING_TO_RUN,
        )
        file = self.run_folder / "tokens/pinterest/token"
        wait_for("the file", file.exists, timeout=60)
        token = self.token(self.connection)["accessToken"]
        self.assertEqual(file.read_text(), token)
        name = f"applications/shop/connections/{self.connection}"
        self.call("Refresh", name=name)
        new = self.token(self.connection)["accessToken"]
        wait_for("the new file", lambda: file.read_text() == new)
        self.call("Revoke", name=name)
        wait_for("no file", lambda: not file.exists())

    def test_through_the_egress_door(self) -> None:
        """The program has no token at all, and its requests pass whichever
        container dies. On the host's network, as the pod is, this test is the
        program."""
        port = free_port()
        pods = self.example(
            "egress",
            f"--inject=127.0.0.1:{port}={self.connection}",
            f"--inject_origin_override=https://api.pinterest.com={self.emulator.api}",
            extra=_NOTHING_TO_RUN,
        )

        def asked() -> int:
            try:
                return request(
                    "GET", f"http://127.0.0.1:{port}/v5/user_account"
                ).status
            except OSError:
                return 0

        def passes() -> bool:
            # Never an invalid token: that were a 401.
            status = asked()
            self.assertIn(status, (200, 0, 503))
            return status == 200

        wait_for("the door", passes, timeout=60)
        with self.subTest("no broker"):
            self.pods.kill(PROGRAM)
            for _ in range(5):
                self.assertEqual(asked(), 200)
            self.pods.start(PROGRAM)
            self.await_ready()
        with self.subTest("no sidecar"):
            pods.kill(_SIDECAR)
            self.assertEqual(asked(), 0)
            pods.start(_SIDECAR)
            wait_for("the door again", passes, timeout=60)
        with self.subTest("a new token"):
            self.call(
                "Refresh", name=f"applications/shop/connections/{self.connection}"
            )
            for _ in range(5):
                self.assertEqual(asked(), 200)

    def test_another_account_is_refused(self) -> None:
        """Default deny, as the operator's own tool explains it."""
        (self.tokens / "token").write_text(
            self.signer.sign(
                iss=self.issuer.url, sub="system:serviceaccount:shop:other"
            )
        )
        self.example("socket", f"--warm={self.connection}")
        socket = self.run_folder / "valetkey.sock"
        wait_for("the socket", socket.exists)
        asked = subprocess.run(
            [
                *(COMMAND_LINE, f"--address=unix:{socket}"),
                *("--application=shop", "token", self.connection),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertNotEqual(asked.returncode, 0)
        self.assertIn("CALLER_DENIED", asked.stderr)


if __name__ == "__main__":
    unittest.main()
