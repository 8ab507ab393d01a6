"""valetkeyd in front of the emulator, with each definition as a provider.

    with World() as world:
        for run in world.runs:
            world.add(run)
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from catalog import templates
from catalog.consent import callback_inputs
from catalog.definitions import (
    Definition,
    Run,
    base_urls,
    runs_of,
    urls_of,
)
from catalog.provider import Provider
from catalog.templates import Grant
from catalog.server import Server
from e2e.stack import SERVER, StackError, free_port, wait_for

__all__ = [
    "APPLICATION",
    "SHAPES",
    "CallError",
    "World",
    "all_runs",
    "catalog",
    "missing",
    "private_key",
]

APPLICATION = "applications/shop"
# Definitions with what no built-in one has.
SHAPES = Path(__file__).parent / "shapes"
_TIMEOUT = 30.0


def missing() -> str:
    """What keeps this machine from running these tests; "" if nothing."""
    if not SERVER.exists():
        return "valetkeyd is not built"
    return "" if shutil.which("openssl") else "openssl is not here"


class CallError(Exception):
    """A call of valetkeyd's that failed."""

    def __init__(self, body: Any) -> None:
        super().__init__(json.dumps(body))
        self.message = body.get("message", "")
        details = body.get("details", [])
        self.reason = next(
            (d["debug"]["reason"] for d in details if "debug" in d), ""
        )


class World:
    def __init__(
        self,
        runs: Sequence[Run] = (),
        catalog_dir: Path = SHAPES,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="valetkey-catalog-"))
        self.http = f"127.0.0.1:{free_port()}"
        self.callback = f"http://{self.http}/oauth/callback"
        self.emulator = Server()
        self._catalog_dir = catalog_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._local = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._key = ""
        for run in runs:
            self.emulator.providers[run.key] = self._provider(run)

    def __enter__(self) -> Self:
        self.emulator.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_TIMEOUT)
        self.emulator.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        data = self.folder / "data"
        ready = self.folder / "ready.json"
        overrides = ",".join(
            f"https://{host}={self.emulator.origin}/{host}"
            for host in sorted(self._hosts())
        )
        command = [
            str(SERVER),
            f"--data_dir={data}",
            "--listen=127.0.0.1:0",
            f"--http_listen={self.http}",
            f"--origin_override={overrides}",
            f"--ready_file={ready}",
            "--log_level=warning",
            f"--catalog_dir={self._catalog_dir}",
        ]
        log = self.folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out)
        process = self._process

        def is_ready() -> bool:
            if process.poll() is not None:
                raise StackError(log.read_text()[-4000:])
            return ready.exists() and ready.stat().st_size > 0

        wait_for("valetkeyd", is_ready)
        self._key = (data / "admin.key").read_text().strip()
        self.call(
            "ApplicationService/CreateApplication",
            {"applicationId": "shop", "application": {"displayName": "Shop"}},
        )

    # --- calls ---

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            parts = urlsplit(f"//{self.http}")
            self._local.connection = http.client.HTTPConnection(
                parts.hostname or "", parts.port, timeout=_TIMEOUT
            )
            self._connections.append(self._local.connection)
        return self._local.connection

    def call(self, method: str, body: Mapping[str, Any]) -> Any:
        connection = self._connection()
        connection.request(
            "POST",
            f"/valetkey.v1.{method}",
            json.dumps(body),
            {
                "content-type": "application/json",
                "authorization": f"Bearer {self._key}",
            },
        )
        response = connection.getresponse()
        found = json.loads(response.read())
        if response.status != 200:
            raise CallError(found)
        return found

    def come_back(self, method: str, query: str) -> int:
        """What the browser does at the end; returns the page's status."""
        connection = self._connection()
        if method == "POST":
            kind = {"content-type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/oauth/callback", query, kind)
        else:
            connection.request("GET", f"/oauth/callback?{query}")
        response = connection.getresponse()
        response.read()
        return response.status

    # --- providers ---

    def _provider(self, run: Run) -> Provider:
        d = run.definition
        how = d["clientAuthentication"]
        secret = f"sec.{run.key}.0"
        if how["method"].endswith("_NONE"):
            secret = ""
        elif "PRIVATE_KEY_JWT" in how["method"] or "AS_SECRET" in how["method"]:
            secret = private_key(how["jwt"]["algorithm"])
        inputs = callback_inputs(d)
        for entry in d.get("inputs", ()):
            value = entry.get("example") or entry.get("defaultValue", "")
            inputs.setdefault(entry["name"], value)
        grant = Grant(f"cid.{run.key}.0", secret, inputs, self.callback)
        grant.metadata |= base_urls(d)
        return Provider(run.key, d, grant)

    def given(self, provider: Provider, source: str) -> dict[str, str]:
        """The inputs of a source as somebody would enter them: with what the
        definition strips."""
        out = {}
        for entry in provider.definition.get("inputs", ()):
            if entry.get("source") == f"INPUT_SOURCE_{source}":
                value = provider.grant.inputs[entry["name"]]
                before = entry.get("stripPrefixes", [""])[0]
                after = entry.get("stripSuffixes", [""])[0]
                out[entry["name"]] = before + value + after
        return out

    def add(self, run: Run, catalog_entry: str = "") -> str:
        """Configures it; returns the provider's name."""
        provider = self.emulator.providers[run.key]
        made = self.call(
            "ProviderService/CreateProvider",
            {
                "parent": APPLICATION,
                "providerId": f"p-{run.key}",
                "provider": {
                    "catalogEntry": catalog_entry or run.catalog_entry,
                    "environment": run.environment,
                    "clientId": provider.grant.client_id,
                    "clientSecret": provider.grant.client_secret,
                    "inputs": self.given(provider, "OPERATOR"),
                },
            },
        )
        return made["provider"]["name"]

    def _hosts(self) -> set[str]:
        """Every host that any definition may lead to."""
        hosts: set[str] = set()
        for provider in self.emulator.providers.values():
            d = provider.definition
            values = templates.values_for(provider.grant)
            for template in urls_of(d):
                try:
                    url = templates.expand_url(template, _Any(values))
                except templates.Missing:
                    continue
                plain = re.sub(r"\\(.)", r"\1", url)
                hosts.add(plain.split("/")[2])
        return hosts


class _Any(dict[str, str]):
    """Also has what only a grant has."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default) or "x"

    def __missing__(self, key: str) -> str:
        return "x"


@functools.cache
def private_key(algorithm: str) -> str:
    """In PEM, from openssl."""
    kind = (
        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        if algorithm.endswith("ES256")
        else ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    )
    made = subprocess.run(
        ["openssl", "genpkey", *kind], capture_output=True, check=True
    )
    return made.stdout.decode()


@functools.cache
def catalog() -> list[Definition]:
    """All definitions, built-in ones and SHAPES, as the server gives them."""
    with World() as world:
        entries = world.call(
            "ProviderService/ListCatalogEntries", {"pageSize": 1000}
        )["entries"]
    return [entry["definition"] for entry in entries]


def all_runs() -> list[Run]:
    return [run for entry in catalog() for run in runs_of(entry)]
