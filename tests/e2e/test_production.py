"""overlays/production as containers, beside a PostgreSQL of the test's own:
TLS, secrets, the migration's Job, Redis. Each part is killed in turn, and the
application goes on."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import unittest
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from chaos.postgres import missing_postgres
from e2e.containers import (
    Pods,
    build_redis_image,
    missing_engine,
    podman,
)
from e2e.production_parts import Application, Database
from e2e.stack import (
    CLIENT_ID,
    CLIENT_SECRET,
    StackError,
    free_port,
    missing,
    wait_for,
)
from integration.authority import Authority
from integration.issuer import SigningKey
from k8s.render import K8S
from pinterest_emulator.client import Emulator, consent, request

_ISSUER = "https://issuer.test"
_ACCOUNT = "system:serviceaccount:shop:shop"
_SERVER = "valetkeyd"
_SIDECAR = "valetkey-sidecar"
_USER = 65532
_SERVER_ADDED = """\
configMapGenerator:
  - name: valetkey-config
    namespace: valetkey
    behavior: merge
    files:
      - callers.textproto
      - e2e.flags
      - store.flags
secretGenerator:
  - name: valetkey-postgres
    namespace: valetkey
    literals:
      - password={password}
  - name: valetkey-redis
    namespace: valetkey
    literals:
      - password={password}
generatorOptions:
  disableNameSuffixHash: true
patches:
  - target:
      kind: Deployment
      name: valetkey
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --flagfile=/etc/valetkey/config/e2e.flags
  - target:
      kind: Deployment
      name: valetkey-redis
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --port
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: "{redis_port}"
"""
_SIDECAR_ADDED = """\
configMapGenerator:
  - name: valetkey-sidecar
    namespace: shop
    behavior: replace
    files:
      - sidecar.flags
  - name: valetkey-ca
    namespace: shop
    files:
      - ca.crt
"""


def missing_root() -> str:
    """Files that belong to root and the pod's group, as a kubelet mounts
    secrets, are root's alone to make."""
    return "" if os.geteuid() == 0 else "needs root"


@unittest.skipIf(missing(), missing())
@unittest.skipIf(missing_postgres(), missing_postgres())
@unittest.skipIf(missing_root(), missing_root())
class ProductionOverlay(unittest.TestCase):
    def setUp(self) -> None:
        lacking = missing_engine()
        if lacking:
            self.skipTest(lacking)
        self.folder = Path(
            self.enterContext(
                tempfile.TemporaryDirectory(
                    dir="/dev/shm" if os.path.isdir("/dev/shm") else None
                )
            )
        )
        self.folder.chmod(0o755)
        self.emulator = Emulator.start(arguments=["--access-ttl", "3600"])
        self.addCleanup(self.emulator.stop)
        self.password = secrets.token_hex(16)
        keys = self.folder / "authority"
        keys.mkdir(mode=0o700)
        self.database = self.enterContext(Database(keys, self.password))
        self.authority = Authority(keys, "cluster")
        self.signer = SigningKey(keys, "one")
        self.grpc, self.port, self.redis_port = (free_port() for _ in range(3))
        self.http = f"https://127.0.0.1:{self.port}"
        self.pods = self.enterContext(self.servers())

    def mount(self, name: str, **files: bytes) -> Path:
        """A folder as a kubelet mounts a volume for the pod's group. In names
        of files "_" is "."."""
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o755)
        for file, content in files.items():
            path = folder / file.replace("_", ".")
            path.write_bytes(content)
            path.chmod(0o440)
            os.chown(path, 0, _USER)
        return folder

    def servers(self) -> Pods:
        overrides = ",".join(
            f"https://{host}.pinterest.com={origin}"
            for host, origin in (
                ("www", self.emulator.www),
                ("api", self.emulator.api),
            )
        )
        redis = f"redis://127.0.0.1:{self.redis_port}/0"
        flags = (
            f"--listen=127.0.0.1:{self.grpc}",
            f"--http_listen=127.0.0.1:{self.port}",
            f"--public_url={self.http}",
            f"--redis_url={redis}?password_file=/etc/valetkey/redis/password",
            f"--origin_override={overrides}",
        )
        store = (
            f"--store={self.database.url}",
            "--keyring=/etc/valetkey/keyring/keyring",
        )
        policy = (K8S / "overlays/production/callers.textproto").read_text()
        rules = policy[policy.index("rules {") :]
        certificate, key = self.authority.issue("valetkey")
        jwks = json.dumps({"keys": [self.signer.jwk()]})
        keyring = urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")
        data = self.folder / "data"
        data.mkdir()
        os.chown(data, _USER, _USER)
        data.chmod(0o700)
        return Pods(
            K8S / "overlays/production",
            _SERVER_ADDED.format(
                password=self.password, redis_port=self.redis_port
            ),
            {
                "e2e.flags": "\n".join(flags) + "\n",
                "store.flags": "\n".join(store) + "\n",
                # The issuer is the test's own; the rules are the overlay's.
                "callers.textproto": f"""\
issuers {{
  name: "cluster"
  issuer: "{_ISSUER}"
  audiences: "valetkey"
  jwks_file: "/var/run/secrets/issuer/jwks.json"
}}
{rules}""",
            },
            {
                "data": data,
                "issuer": self.mount("issuer", jwks_json=jwks.encode()),
                "keyring": self.mount("keyring", keyring=b"k-1 " + keyring),
                "postgres-ca": self.mount(
                    "postgres-ca",
                    ca_crt=self.database.authority.read_bytes(),
                ),
                "redis": self.mount(
                    "redis", password=self.password.encode()
                ),
                "tls": self.mount(
                    "tls",
                    ca_crt=self.authority.certificate.read_bytes(),
                    tls_crt=certificate.read_bytes(),
                    tls_key=key.read_bytes(),
                ),
            },
            {"docker.io/library/redis": build_redis_image()},
        )

    def valetkey(self, *arguments: str, stdin: str = "") -> str:
        """The command line inside, with the first key."""
        return self.pods.run_in(
            *(_SERVER, "valetkey", f"--address=127.0.0.1:{self.grpc}"),
            "--tls-ca=/etc/valetkey/tls/ca.crt",
            "--api-key-file=/var/lib/valetkey/admin.key",
            *("--application=shop", *arguments),
            stdin=stdin,
        )

    def get(self, path: str) -> Any:
        """At the HTTP port, by its name."""
        return request(
            "GET", self.http + path, authority=self.authority.certificate
        )

    def await_ready(self) -> None:
        def ready() -> bool:
            try:
                return self.get("/readyz").status == 200
            except OSError:
                if self.pods.inspect(_SERVER)["RestartCount"] > 5:
                    raise StackError(self.pods.logs(_SERVER)[-2000:]) from None
                return False

        wait_for("the server's probe", ready, timeout=90, pause=0.1)

    def redis_is(self, up: int) -> None:
        wait_for(
            f"valetkey_redis_up {up}",
            lambda: f"\nvaletkey_redis_up {up}\n"
            in self.get("/metrics").body.decode(),
        )

    def connect(self) -> str:
        self.emulator.put_app(
            CLIENT_ID,
            secret=CLIENT_SECRET,
            redirect_uris=[f"{self.http}/oauth/callback"],
        )
        self.valetkey("applications", "create", "shop")
        self.valetkey(
            *("providers", "add", "pinterest", "--client-id", CLIENT_ID),
            *("--client-secret-file", "-"),
            stdin=CLIENT_SECRET,
        )
        begun = json.loads(
            self.valetkey(
                *("--json", "connect", "pinterest", "--subject", "ann"),
                "--no-wait",
            )
        )
        back = consent(begun["authorizationUri"], "ann")
        page = self.get(back.removeprefix(self.http))
        self.assertEqual(page.status, 200)
        return begun["connection"].rsplit("/", 1)[1]

    def shop(self, connection: str) -> Pods:
        """The application, as the service account that the overlay names."""
        run_folder = self.folder / "run"
        run_folder.mkdir()
        run_folder.chmod(0o777)
        token = self.signer.sign(iss=_ISSUER, sub=_ACCOUNT)
        flags = (
            f"--upstream=127.0.0.1:{self.grpc}",
            "--upstream_ca=/etc/valetkey-ca/ca.crt",
            f"--health_listen=127.0.0.1:{free_port()}",
            "--application=applications/shop",
            # podman knows no fsGroup.
            "--socket_mode=0666",
            f"--warm={connection}",
        )
        pods = Pods(
            K8S / "examples/socket",
            _SIDECAR_ADDED,
            {
                "sidecar.flags": "\n".join(flags) + "\n",
                "ca.crt": self.authority.certificate.read_text(),
            },
            {
                "valetkey-run": run_folder,
                "valetkey-token": self.mount("token", token=token.encode()),
            },
        )
        self.enterContext(pods)
        pods.play()
        wait_for("the socket", (run_folder / "valetkey.sock").exists)
        return pods

    def test_whatever_dies(self) -> None:
        self.pods.play()
        self.await_ready()
        with self.subTest("the migration's job has ended well"):
            podman("wait", self.pods.container("migrate"))
            state = self.pods.inspect("migrate")["State"]
            self.assertEqual(state["ExitCode"], 0, self.pods.logs("migrate"))
        self.redis_is(1)
        connection = self.connect()
        shop = self.shop(connection)
        application = Application(shop, connection, self.emulator.api)
        wait_for("the first token", lambda: self.asked(application))
        with application:
            self.outages(application, shop, connection)
        self.assertEqual(application.refused, [])
        with self.subTest("no secret in the log"):
            logs = self.pods.logs(_SERVER) + shop.logs(_SIDECAR)
            self.assertIn("serving", logs)
            for secret in {*application.tokens, CLIENT_SECRET, self.password}:
                self.assertNotIn(secret, logs)

    def asked(self, application: Application) -> str:
        try:
            return application.ask()
        except StackError:
            return ""

    def renewed(self, application: Application, connection: str) -> None:
        """A new token comes to the application, and stays."""
        before = application.tokens[-1]
        self.valetkey("refresh", connection)
        wait_for("a new token", lambda: application.tokens[-1] != before)

    def outages(
        self, application: Application, shop: Pods, connection: str
    ) -> None:
        application.goes_on()
        with self.subTest("no Redis"):
            self.pods.kill("redis")
            self.redis_is(0)
            self.renewed(application, connection)
            application.goes_on()
            self.pods.start("redis")
            self.redis_is(1)
            self.renewed(application, connection)
        with self.subTest("no database"):
            self.database.kill()
            application.goes_on()
            self.database.start()
            self.await_ready()
        with self.subTest("neither a server nor Redis"):
            self.pods.kill("redis")
            self.pods.kill(_SERVER)
            application.goes_on()
            self.pods.start(_SERVER)
            self.await_ready()
            self.renewed(application, connection)
            self.pods.start("redis")
            self.redis_is(1)
        # Up to here it has never been without.
        self.assertEqual(application.failed, [])
        with self.subTest("no sidecar"):
            shop.kill(_SIDECAR)
            wait_for("a failure", lambda: application.failed)
            shop.start(_SIDECAR)
            application.goes_on()
            self.renewed(application, connection)


if __name__ == "__main__":
    unittest.main()
