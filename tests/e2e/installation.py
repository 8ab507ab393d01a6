"""overlays/dev as containers, with the emulator as its provider and an issuer
of service accounts' tokens: what the tests of containers begin with."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from e2e.containers import Pods, missing_engine
from e2e.stack import (
    CLIENT_ID,
    CLIENT_SECRET,
    ROOT,
    StackError,
    free_port,
    missing,
    wait_for,
)
from integration.issuer import KeyServer, SigningKey
from k8s.render import K8S
from pinterest_emulator.client import Emulator, consent, request

PROGRAM = "valetkeyd"
_FLAGS_ADDED = """\
configMapGenerator:
  - name: valetkey-config
    behavior: merge
    files:
      - callers.textproto
      - e2e.flags
  - name: valetkey-catalog
    files:
      - github.textproto
patches:
  - target:
      kind: Deployment
      name: valetkey
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --flagfile=/etc/valetkey/config/e2e.flags
"""

# The issuer is the test's own; the rule is the overlay's.
_POLICY = """\
issuers {{
  name: "cluster"
  issuer: "{url}"
  audiences: "valetkey"
  jwks_url: "{url}/jwks"
}}
{rules}"""


@unittest.skipIf(missing(), missing())
class Installation(unittest.TestCase):
    """overlays/dev with the emulator as its provider."""

    def setUp(self) -> None:
        lacking = missing_engine()
        if lacking:
            self.skipTest(lacking)
        self.emulator = Emulator.start(arguments=["--access-ttl", "3600"])
        self.addCleanup(self.emulator.stop)
        self.issuer = self.enterContext(KeyServer())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.signer = SigningKey(Path(folder.name), "one")
        self.issuer.keys = [self.signer]
        overlay = (K8S / "overlays/dev/callers.textproto").read_text()
        policy = _POLICY.format(
            url=self.issuer.url, rules=overlay[overlay.index("rules {") :]
        )
        self.grpc, http_port = free_port(), free_port()
        self.http = f"http://127.0.0.1:{http_port}"
        overrides = ",".join(
            f"https://{host}.pinterest.com={origin}"
            for host, origin in (
                ("www", self.emulator.www),
                ("api", self.emulator.api),
            )
        )
        flags = (
            f"--listen=127.0.0.1:{self.grpc}\n"
            f"--http_listen=127.0.0.1:{http_port}\n"
            f"--public_url={self.http}\n"
            f"--origin_override={overrides}\n"
        )
        flags += self.further_flags()
        definition = (
            ROOT / "service/catalog/definitions/github.textproto"
        ).read_text()
        self.pods = self.enterContext(
            Pods(
                K8S / "overlays/dev",
                _FLAGS_ADDED,
                {
                    "callers.textproto": policy,
                    "e2e.flags": flags,
                    "github.textproto": definition,
                },
                {"issuer": Path(folder.name)},
            )
        )
        self.probes = self.probe_paths()
        self.key = ""

    def further_flags(self) -> str:
        return ""

    def probe_paths(self) -> set[str]:
        text = (K8S / "base/deployment.yaml").read_text()
        return {p for p in ("/healthz", "/readyz") if f"path: {p}" in text}

    def await_ready(self) -> None:
        def ready() -> bool:
            try:
                return all(
                    request("GET", self.http + path).status == 200
                    for path in self.probes
                )
            except OSError:
                if self.pods.inspect(PROGRAM)["RestartCount"] > 3:
                    raise StackError(self.pods.logs(PROGRAM)[-2000:]) from None
                return False

        wait_for("the server's probes", ready, timeout=60, pause=0.1)

    def valetkey(self, *arguments: str, stdin: str = "") -> str:
        """As the operator, whose first key is inside."""
        return self.pods.run_in(
            *(PROGRAM, "valetkey", f"--address=127.0.0.1:{self.grpc}"),
            "--api-key-file=/var/lib/valetkey/admin.key",
            *("--application=shop", *arguments),
            stdin=stdin,
        )

    def connect(self) -> str:
        """An application, its provider and a person's consent."""
        self.emulator.put_app(
            CLIENT_ID,
            secret=CLIENT_SECRET,
            redirect_uris=[f"{self.http}/oauth/callback"],
        )
        self.valetkey("applications", "create", "shop")
        self.key = self.valetkey("keys", "create", "--all-rights").strip()
        self.valetkey(
            *("providers", "add", "pinterest", "--client-id", CLIENT_ID),
            *("--client-secret-file", "-"),
            stdin=CLIENT_SECRET,
        )
        begun = self.call(
            "Authorize", provider="providers/pinterest", subject="ann"
        )
        page = request("GET", consent(begun["authorizationUri"], "ann"))
        self.assertEqual(page.status, 200)
        return begun["connection"].rsplit("/", 1)[1]

    def call(self, method: str, **body: str) -> dict[str, Any]:
        if "provider" in body:
            body["provider"] = "applications/shop/" + body["provider"]
        answer = request(
            "POST",
            f"{self.http}/valetkey.v1.TokenService/{method}",
            json.dumps(body).encode(),
            {
                "authorization": f"Bearer {self.key}",
                "content-type": "application/json",
            },
        )
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def token(self, connection: str) -> dict[str, Any]:
        name = f"applications/shop/connections/{connection}"
        return self.call("GetToken", name=name)["token"]
