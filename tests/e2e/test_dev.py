"""./dev run --background and ./dev stop, as scripts use them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from e2e.stack import BUILD, ROOT, missing
from pinterest_emulator.client import consent, request


@unittest.skipIf(missing(), missing())
@unittest.skipIf(BUILD.resolve() != ROOT / "build/release", "another build")
class DevRun(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="vk-"))
        )

    def test_run_use_stop(self) -> None:
        self.addCleanup(self.dev, "stop")
        first = self.dev("run", "--background")
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        for word in ("grpcurl", "curl ", "valetkey watch", "XRANGE", "/connect/"):
            self.assertIn(word, first.stdout)
        path = self.folder / "env"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        env = dict(
            line.split("=", 1) for line in path.read_text().splitlines()
        )

        begun = self.call(
            env,
            "Authorize",
            {"provider": env["VALETKEY_PROVIDER"], "subject": "ann"},
        )
        self.assertTrue(
            begun["authorizationUri"].startswith(env["PINTEREST_EMULATOR"])
        )
        page = request("GET", consent(begun["authorizationUri"]))
        self.assertEqual(page.status, 200)
        got = self.call(env, "GetToken", {"name": begun["connection"]})
        self.assertTrue(got["token"]["accessToken"].startswith("pina_"))
        request("GET", env["PINTEREST_EMULATOR_CONTROL"] + "/_emulator/ledger")

        again = self.dev("run", "--background")
        self.assertEqual(again.returncode, 0)
        self.assertIn("already running", again.stdout)

        self.assertEqual(self.dev("stop").returncode, 0)
        with self.assertRaises(OSError):
            request("GET", env["VALETKEY_HTTP"] + "/healthz", timeout=2)
        self.assertIn("nothing is running", self.dev("stop").stdout)

        # A second run keeps the application and its key.
        self.assertEqual(self.dev("run", "--background").returncode, 0)
        self.assertIn(env["VALETKEY_API_KEY"], path.read_text())

    def dev(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "dev", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "VALETKEY_RUN_DIR": str(self.folder)},
            check=False,
        )

    def call(self, env: dict[str, str], method: str, body: object) -> dict:
        answer = request(
            "POST",
            f"{env['VALETKEY_HTTP']}/valetkey.v1.TokenService/{method}",
            json.dumps(body).encode(),
            {
                "content-type": "application/json",
                "authorization": f"Bearer {env['VALETKEY_API_KEY']}",
            },
        )
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()


if __name__ == "__main__":
    unittest.main()
