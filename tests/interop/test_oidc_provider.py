"""Against an authorization server that somebody else wrote.

oidc-provider enforces PKCE, rotates refresh tokens, revokes a family whose old
token is used again, issues JWT access tokens and sends `iss` (RFC 9207).
"""

from __future__ import annotations

import base64
import html
import http.client
import json
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from e2e.stack import Stack, free_port, missing, wait_for

HERE = Path(__file__).resolve().parent
SECRET = "canary-interop-secret-0123456789"


def modules() -> Path:
    """Where `./dev test` has installed oidc-provider."""
    return Path(
        os.environ.get(
            "VALETKEY_INTEROP_MODULES",
            HERE.parents[1] / "build/interop/node_modules",
        )
    )


def reason_to_skip() -> str:
    if missing():
        return missing()
    if shutil.which("node") is None:
        return "node is not here"
    if not (modules() / "oidc-provider").exists():
        return "oidc-provider is not installed"
    return ""


class Browser:
    """Follows redirects and fills in oidc-provider's development forms."""

    def __init__(self, stop_at: str) -> None:
        self.stop_at = stop_at
        self.cookies: dict[str, str] = {}

    def request(
        self, method: str, url: str, form: dict[str, str] | None = None
    ) -> tuple[int, str, str]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=10
        )
        headers = {
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        }
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                pair = value.split(";", 1)[0]
                key, _, content = pair.partition("=")
                self.cookies[key] = content
        location = response.getheader("Location") or ""
        text = response.read().decode(errors="replace")
        connection.close()
        return response.status, urljoin(url, location) if location else "", text

    def consent(self, url: str) -> str:
        """Signs in and consents; the redirect to our callback."""
        status, location, text = self.request("GET", url)
        for _ in range(20):
            if location.startswith(self.stop_at):
                return location
            if location:
                url = location
                status, location, text = self.request("GET", url)
                continue
            action = re.search(r'<form[^>]*action="([^"]+)"', text)
            if action is None:
                raise AssertionError(f"{status} at {url}: {text[:800]}")
            form = {
                name: html.unescape(value)
                for name, value in re.findall(
                    r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text
                )
            }
            if 'name="login"' in text:
                form["login"], form["password"] = "ann", "any"
            url = urljoin(url, html.unescape(action.group(1)))
            status, location, text = self.request("POST", url, form)
        raise AssertionError("the redirects do not end")


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class OidcProvider(unittest.TestCase):
    def setUp(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.stack = Stack(access_ttl=60)
        self.addCleanup(self.stack.stop)
        self.stack.start_redis()
        catalog = self.stack.folder / "catalog"
        catalog.mkdir()
        definition = (HERE / "oidc.textproto").read_text()
        (catalog / "oidc.textproto").write_text(
            definition.replace("https://oidc.test", self.issuer)
        )
        self.stack.http = f"http://127.0.0.1:{free_port()}"
        self.stack.start_server(
            [
                f"--catalog_dir={catalog}",
                "--allow_private_addresses",
            ]
        )
        self.callback = f"{self.stack.http}/oauth/callback"
        # Imports are looked up beside the script.
        work = self.stack.folder / "provider"
        work.mkdir()
        shutil.copy(HERE / "provider.mjs", work)
        (work / "node_modules").symlink_to(modules())
        log = (self.stack.folder / "provider.log").open("wb")
        self.addCleanup(log.close)
        self.provider = subprocess.Popen(
            ["node", "provider.mjs", str(self.port), self.callback, "6"],
            cwd=work,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        self.addCleanup(self.end_provider)
        assert self.provider.stdout is not None
        self.assertEqual(self.provider.stdout.readline(), b"ready\n")
        self.stack.checked(
            "applications", "create", "shop", key=self.stack.admin_key
        )
        self.stack.api_key = self.stack.checked(
            "keys", "create", "--all-rights", key=self.stack.admin_key
        ).out.strip()
        self.stack.checked(
            *("providers", "add", "oidc", "--client-id", "valetkey"),
            *("--client-secret-file", "-"),
            stdin=SECRET,
        )

    def end_provider(self) -> None:
        self.provider.kill()
        self.provider.wait()
        if self.provider.stdout is not None:
            self.provider.stdout.close()

    def begin(self) -> dict[str, Any]:
        return self.stack.checked(
            *("--json", "connect", "oidc", "--subject", "ann", "--no-wait"),
        ).json()

    def connect(self) -> str:
        begun = self.begin()
        location = Browser(self.callback).consent(begun["authorizationUri"])
        self.assertIn("iss=", location)
        page = self.stack.come_back(location)
        self.assertEqual(page.status, 200, page.body)
        return str(begun["connection"])

    def token(self, name: str, **fields: Any) -> dict[str, Any]:
        answer = self.stack.post(
            "TokenService/GetToken", {"name": name, **fields}
        )
        self.assertEqual(answer.status, 200, answer.body)
        return dict(json.loads(answer.body)["token"])

    def active(self, token: str) -> bool:
        """What the provider says of a token (RFC 7662)."""
        basic = base64.b64encode(f"valetkey:{SECRET}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(
            "POST",
            "/token/introspection",
            urlencode({"token": token}),
            {
                "Authorization": f"Basic {basic}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return bool(answer["active"])

    def test_connect_rotate_revoke(self) -> None:
        name = self.connect()
        first = self.token(name)
        header, payload, _ = first["accessToken"].split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        self.assertEqual(claims["iss"], self.issuer)
        self.assertEqual(claims["scope"], "things:read")
        # Several rotations, each with the token of the one before: a token
        # used twice would end the family.
        seen = {first["accessToken"]}
        for _ in range(4):
            answer = self.stack.post("TokenService/Refresh", {"name": name})
            self.assertEqual(answer.status, 200, answer.body)
            seen.add(json.loads(answer.body)["token"]["accessToken"])
        self.assertEqual(len(seen), 5)
        # Past its end it is renewed without anyone's doing.
        before = self.token(name)
        wait_for(
            "a renewed token",
            lambda: self.token(name)["accessToken"] != before["accessToken"],
            timeout=15,
        )
        revoked = self.stack.post("TokenService/Revoke", {"name": name})
        self.assertEqual(revoked.status, 200, revoked.body)
        result = json.loads(revoked.body)
        self.assertTrue(result["copyDestroyed"])
        self.assertEqual(
            {item["result"] for item in result["tokens"]},
            {"REVOCATION_RESULT_REVOKED"},
        )
        gone = self.stack.post("TokenService/GetToken", {"name": name})
        self.assertIn(b"CONNECTION_REVOKED", gone.body)

    def test_pkce_is_enforced_and_sent(self) -> None:
        begun = self.begin()
        query = parse_qs(urlsplit(begun["authorizationUri"]).query)
        self.assertEqual(query["code_challenge_method"], ["S256"])
        stripped = re.sub(
            r"&code_challenge(_method)?=[^&]*", "", begun["authorizationUri"]
        )
        location = Browser(self.callback).consent(stripped)
        self.assertIn("error=invalid_request", location)

    def test_issuer_of_another_server_is_a_mix_up(self) -> None:
        begun = self.begin()
        location = Browser(self.callback).consent(begun["authorizationUri"])
        forged = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fevil.example", location)
        page = self.stack.come_back(forged)
        self.assertEqual(page.status, 400)
        # Nothing was used up: the true redirect still works.
        self.assertEqual(self.stack.come_back(location).status, 200)

    def test_a_grant_that_ended_at_the_provider(self) -> None:
        name = self.connect()
        # The server forgets everything, as if the person had ended it all.
        self.end_provider()
        self.provider = subprocess.Popen(
            ["node", "provider.mjs", str(self.port), self.callback, "6"],
            cwd=self.stack.folder / "provider",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.provider.stdout is not None
        self.assertEqual(self.provider.stdout.readline(), b"ready\n")

        def refused() -> bool:
            # A refresh that met no server while it was down is backed off.
            answer = self.stack.post("TokenService/Refresh", {"name": name})
            return b"REAUTHORIZATION_REQUIRED" in answer.body

        wait_for("the refusal", refused, timeout=60, pause=0.5)
        shown = self.stack.post("ConnectionService/GetConnection", {"name": name})
        self.assertEqual(
            json.loads(shown.body)["connection"]["state"],
            "CONNECTION_STATE_REAUTHORIZATION_REQUIRED",
        )


if __name__ == "__main__":
    unittest.main()
