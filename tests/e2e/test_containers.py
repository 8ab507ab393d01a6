"""overlays/dev as containers: an account is connected at the emulator, and its
token outlives the containers. An operator's way: by the command line inside."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from e2e.containers import (
    Pods,
    build_redis_image,
    for_podman,
    missing_engine,
    podman,
    remove_image,
)
from e2e.stack import (
    CLIENT_ID,
    CLIENT_SECRET,
    COMMAND_LINE,
    ROOT,
    StackError,
    free_port,
    missing,
    wait_for,
)
from integration.issuer import KeyServer, SigningKey
from k8s import render
from k8s.render import K8S
from pinterest_emulator.client import Emulator, consent, request

_PROGRAM = "valetkeyd"
_SIDECAR = "valetkey-sidecar"
# The catalog may be absent in a cluster, but not for podman.
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


# The issuer is the test's own; the rule is the overlay's.
_POLICY = """\
issuers {{
  name: "cluster"
  issuer: "{url}"
  audiences: "valetkey"
  jwks_url: "{url}/jwks"
}}
{rules}"""


def tearDownModule() -> None:
    remove_image()


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
                if self.pods.inspect(_PROGRAM)["RestartCount"] > 3:
                    raise StackError(self.pods.logs(_PROGRAM)[-2000:]) from None
                return False

        wait_for("the server's probes", ready, timeout=60, pause=0.1)

    def valetkey(self, *arguments: str, stdin: str = "") -> str:
        """As the operator, whose first key is inside."""
        return self.pods.run_in(
            *(_PROGRAM, "valetkey", f"--address=127.0.0.1:{self.grpc}"),
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


class DevOverlay(Installation):
    def test_a_token_outlives_the_containers(self) -> None:
        self.pods.play()
        self.await_ready()
        connection = self.connect()
        before = self.token(connection)
        self.assertTrue(before["accessToken"].startswith("pina_"))

        with self.subTest("killed and started"):
            self.pods.kill(_PROGRAM)
            self.pods.start(_PROGRAM)
            self.await_ready()
            self.assertEqual(self.token(connection), before)

        with self.subTest("replaced, as by another version's"):
            self.pods.down()
            self.pods.play()
            self.await_ready()
            self.assertEqual(self.token(connection), before)

        with self.subTest("no secret in the log"):
            log = self.pods.logs(_PROGRAM)
            self.assertIn("serving", log)
            for secret in (before["accessToken"], CLIENT_SECRET, self.key):
                self.assertNotIn(secret, log)

    def test_the_container_is_confined(self) -> None:
        self.pods.play()
        self.await_ready()
        is_ = self.pods.inspect(_PROGRAM)
        self.assertTrue(is_["HostConfig"]["ReadonlyRootfs"])
        self.assertEqual(is_["Config"]["User"].split(":")[0], "65532")
        self.assertEqual(is_["EffectiveCaps"] or [], [])
        with self.assertRaises(StackError):
            self.pods.run_in(_PROGRAM, "sh", "-c", "true")

    def test_stops_in_order(self) -> None:
        self.pods.play()
        self.await_ready()
        podman("stop", self.pods.container(_PROGRAM))
        self.assertEqual(self.pods.inspect(_PROGRAM)["State"]["ExitCode"], 0)
        self.assertIn("stopped", self.pods.logs(_PROGRAM))


class WithRedis(Installation):
    """The cache is a container too, which may die."""

    def further_flags(self) -> str:
        image = build_redis_image()
        port = free_port()
        self.redis = f"valetkey-e2e-redis-{port}"
        podman(
            *("run", "--detach", f"--name={self.redis}", "--network=host"),
            *("--read-only", "--user=65532", "--cap-drop=all", image),
            *("--port", str(port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no"),
        )
        self.addCleanup(podman, "rm", "--force", self.redis, check=False)
        return f"--redis_url=redis://127.0.0.1:{port}\n"

    def test_its_death_is_not_noticed(self) -> None:
        self.pods.play()
        self.await_ready()
        connection = self.connect()
        name = f"applications/shop/connections/{connection}"

        def works() -> str:
            """The provider takes the token."""
            token = self.token(connection)["accessToken"]
            answer = request(
                "GET",
                self.emulator.api + "/v5/user_account",
                headers={"authorization": f"Bearer {token}"},
            )
            self.assertEqual(answer.status, 200)
            return token

        seen = {works()}
        podman("kill", "--signal=KILL", self.redis)
        for _ in range(3):
            seen.add(works())
            self.call("Refresh", name=name)
            seen.add(works())
        self.pods.kill(_PROGRAM)
        self.pods.start(_PROGRAM)
        self.await_ready()
        seen.add(works())
        podman("start", self.redis)
        self.call("Refresh", name=name)
        seen.add(works())
        self.assertEqual(len(seen), 5)


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
            self.pods.kill(_PROGRAM)
            for _ in range(3):
                self.assertEqual(ask().strip(), token)
            self.pods.start(_PROGRAM)
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
            self.pods.kill(_PROGRAM)
            for _ in range(5):
                self.assertEqual(asked(), 200)
            self.pods.start(_PROGRAM)
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


_NO_KUSTOMIZE = render.missing("kustomize")


@unittest.skipIf(_NO_KUSTOMIZE, _NO_KUSTOMIZE)
class Translation(unittest.TestCase):
    """What podman is given for the examples with the sidecar."""

    def played(self, example: str, kind: str) -> dict[str, Any]:
        text = render.kustomize(K8S / "examples" / example)
        found = next(it for it in render.parse(text) if it["kind"] == kind)
        return for_podman(found, {"valetkey-token": Path("/tokens")})

    def test_a_job_is_its_pod(self) -> None:
        pod = self.played("job", "Job")
        self.assertEqual(pod["kind"], "Pod")
        self.assertEqual(pod["metadata"]["name"], "report")
        self.assertEqual(
            [it["name"] for it in pod["spec"]["containers"]],
            ["valetkey-sidecar", "report"],
        )

    def test_the_sidecar_is_a_container_that_starts_first(self) -> None:
        for example in ("socket", "file", "egress"):
            with self.subTest(example):
                made = self.played(example, "Deployment")
                pod = made["spec"]["template"]["spec"]
                self.assertNotIn("initContainers", pod)
                sidecar = pod["containers"][0]
                self.assertEqual(sidecar["name"], "valetkey-sidecar")
                self.assertNotIn("restartPolicy", sidecar)
                self.assertNotIn("startupProbe", sidecar)
                volumes = {it["name"]: it for it in pod["volumes"]}
                self.assertEqual(
                    volumes["valetkey-token"]["hostPath"]["path"], "/tokens"
                )


if __name__ == "__main__":
    unittest.main()
