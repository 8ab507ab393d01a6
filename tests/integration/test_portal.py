"""The portal as a browser meets it: sessions, calls by cookie, what other
origins and revoked keys get, and what a scanner looks for."""

from __future__ import annotations

import html
import http.client
import json
import re
import struct
import subprocess
import unittest
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from e2e.stack import SERVER
from integration.harness import (
    APPLICATION,
    IntegrationStack,
    Reply,
    consent,
    missing,
    wait_for,
)

_LIST = "/valetkey.v1.ConnectionService/ListConnections"
_WATCH = "/valetkey.v1.EventService/WatchEvents"


class PortalCase(unittest.TestCase):
    stack: IntegrationStack
    flags: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = cls.enterClassContext(
            IntegrationStack(access_ttl=3600, flags=cls.flags)
        )
        cls.stack.set_up()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        cookie: str = "",
        origin: str | None = "",
    ) -> Reply:
        """As a page of the portal would; of another origin if one is given,
        without any for None."""
        sent = dict(headers or {})
        if origin is not None:
            sent["origin"] = origin or self.stack.http
        if cookie:
            sent["cookie"] = f"theme=dark; {cookie}"
        if isinstance(body, dict):
            sent.setdefault("content-type", "application/json")
            body = json.dumps(body)
        parts = urlsplit(self.stack.http)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=30
        )
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            names = {n.lower(): v for n, v in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()

    def log(self) -> str:
        return self.stack.log.read_text()

    def sign_in(self, key: str | None = None) -> str:
        """The cookie, as a browser sends it back."""
        reply = self.ask(
            "POST",
            "/portal/session",
            {"api_key": self.stack.api_key if key is None else key},
        )
        self.assertEqual(reply.status, 204, reply.body)
        return reply.headers["set-cookie"].split(";")[0]


@unittest.skipIf(missing(), missing())
class Sessions(PortalCase):
    def test_from_signing_in_to_signing_out(self) -> None:
        cookie = self.sign_in()
        who = self.ask("GET", "/portal/session", cookie=cookie)
        self.assertEqual(who.status, 200)
        self.assertEqual(who.json()["application"], APPLICATION)
        self.assertIs(who.json()["system"], False)
        listed = self.ask("POST", _LIST, {"parent": APPLICATION}, cookie=cookie)
        self.assertEqual(listed.status, 200, listed.body)
        gone = self.ask("DELETE", "/portal/session", cookie=cookie)
        self.assertEqual(gone.status, 204)
        self.assertIn("Max-Age=0", gone.headers["set-cookie"])

    def test_the_systems_key(self) -> None:
        cookie = self.sign_in(self.stack.admin_key)
        who = self.ask("GET", "/portal/session", cookie=cookie).json()
        self.assertEqual(who["application"], "applications/system")
        self.assertIs(who["system"], True)

    def test_a_key_that_may_not_administer(self) -> None:
        made = self.stack.checked(
            *("keys", "create", "--right", "read-tokens"),
            key=self.stack.admin_key,
        )
        reply = self.ask(
            "POST", "/portal/session", {"api_key": made.out.strip()}
        )
        self.assertEqual((reply.status, reply.reason), (403, "RIGHT_MISSING"))
        self.assertNotIn("set-cookie", reply.headers)

    def test_a_session_outlives_the_server(self) -> None:
        cookie = self.sign_in()
        self.stack.restart()
        listed = self.ask("POST", _LIST, {"parent": APPLICATION}, cookie=cookie)
        self.assertEqual(listed.status, 200, listed.body)

    def test_a_revoked_key_ends_it(self) -> None:
        made = self.stack.checked(
            *("--json", "keys", "create", "--all-rights"),
            key=self.stack.admin_key,
        ).json()
        cookie = self.sign_in(made["secret"])
        self.stack.checked(
            *("keys", "revoke", made["key"]["name"].rsplit("/", 1)[1]),
            key=self.stack.admin_key,
        )
        reply = self.ask("POST", _LIST, {"parent": APPLICATION}, cookie=cookie)
        self.assertEqual((reply.status, reply.reason), (401, "API_KEY_INVALID"))
        self.assertIn("Max-Age=0", reply.headers["set-cookie"])
        who = self.ask("GET", "/portal/session", cookie=cookie)
        self.assertEqual(who.status, 401)

    def test_another_origin_does_nothing(self) -> None:
        cookie = self.sign_in()
        body = {"parent": APPLICATION}
        for origin in ("https://evil.example", "null", None):
            reply = self.ask("POST", _LIST, body, cookie=cookie, origin=origin)
            self.assertEqual(reply.status, 403, origin)
            self.assertNotIn("access-control-allow-origin", reply.headers)
            reply = self.ask(
                "DELETE", "/portal/session", cookie=cookie, origin=origin
            )
            self.assertEqual(reply.status, 403, origin)
        preflight = self.ask(
            "OPTIONS",
            _LIST,
            headers={"access-control-request-method": "POST"},
            origin="https://evil.example",
        )
        self.assertNotIn("access-control-allow-origin", preflight.headers)

    def test_a_live_stream_by_cookie(self) -> None:
        cookie = self.sign_in()
        parts = urlsplit(self.stack.http)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=30
        )
        self.addCleanup(connection.close)
        data = json.dumps({"parent": APPLICATION}).encode()
        connection.request(
            "POST",
            _WATCH,
            struct.pack(">BI", 0, len(data)) + data,
            {
                "content-type": "application/connect+json",
                "origin": self.stack.http,
                "cookie": cookie,
                "connect-timeout-ms": "1500",
            },
        )
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        messages: list[dict[str, Any]] = []
        flags = 0
        while not flags & 2:
            flags, size = struct.unpack(">BI", response.read(5))
            messages.append(json.loads(response.read(size)))
        self.assertIn("checkpoint", messages[0])
        self.assertEqual(messages[-1]["error"]["code"], "deadline_exceeded")

    def test_no_key_in_the_log(self) -> None:
        self.sign_in()
        self.ask("POST", "/portal/session", {"api_key": "vk_canary-wrong"})
        wait_for("the log", lambda: "portal sign-in failed" in self.log())
        log = self.log()
        self.assertIn("signed in to the portal", log)
        self.assertNotIn(self.stack.api_key, log)
        self.assertNotIn("vk_canary-wrong", log)


@unittest.skipIf(missing(), missing())
class Pages(PortalCase):
    def test_the_first_page(self) -> None:
        page = self.ask("GET", "/")
        self.assertEqual(page.status, 200)
        self.assertIn("text/html", page.headers["content-type"])
        policy = page.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        for name, value in (
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ):
            self.assertEqual(page.headers[name], value)
        self.assertIn("camera=()", page.headers["permissions-policy"])
        # Loopback is shared with other servers.
        self.assertNotIn("strict-transport-security", page.headers)
        # What was built without the portal says so.
        if b"clients/portal/run" not in page.body:
            again = self.ask(
                "GET", "/", headers={"if-none-match": page.headers["etag"]}
            )
            self.assertEqual((again.status, again.body), (304, b""))
            place = self.ask("GET", "/applications/shop/connections")
            self.assertEqual(place.body, page.body)

    def test_what_is_no_page(self) -> None:
        for path in ("/oauth/other", "/portal/other", "/assets/none.js"):
            self.assertEqual(self.ask("GET", path).status, 404, path)
        missing_method = self.ask("POST", "/valetkey.v1.TokenService/None", {})
        self.assertEqual(missing_method.code, "unimplemented")


@unittest.skipIf(missing(), missing())
class Https(PortalCase):
    """Behind a proxy that ends TLS."""

    flags = ("--public_url=https://tokens.example.com",)

    def test_headers_and_the_cookie(self) -> None:
        page = self.ask("GET", "/")
        self.assertEqual(
            page.headers["strict-transport-security"], "max-age=31536000"
        )
        reply = self.ask(
            "POST",
            "/portal/session",
            {"api_key": self.stack.api_key},
            origin="https://tokens.example.com",
        )
        cookie = reply.headers["set-cookie"]
        self.assertTrue(cookie.startswith("__Host-valetkey="))
        self.assertTrue(cookie.endswith("; HttpOnly; SameSite=Strict; Secure"))
        # What a sibling domain could set counts for nothing.
        planted = cookie.split(";")[0].replace(
            "__Host-valetkey", "valetkey-session"
        )
        who = self.ask("GET", "/portal/session", cookie=planted)
        self.assertEqual(who.status, 401)


@unittest.skipIf(missing(), missing())
class Off(PortalCase):
    flags = ("--portal=false",)

    def test_nothing_of_it_is_there(self) -> None:
        body = {"api_key": self.stack.api_key}
        self.assertEqual(
            self.ask("POST", "/portal/session", body).status, 404
        )
        page = self.ask("GET", "/")
        self.assertEqual(page.status, 200)
        self.assertNotIn(b"portal", page.body)
        self.assertEqual(self.ask("GET", "/applications").status, 404)

    def test_an_idle_timeout_out_of_bounds(self) -> None:
        for value in ("59s", "12h1s", "-1m"):
            done = subprocess.run(
                [
                    str(SERVER),
                    f"--data_dir={self.stack.folder}/other",
                    f"--portal_idle_timeout={value}",
                ],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn("--portal_idle_timeout", done.stderr)
            self.assertIn("1m to 12h", done.stderr)


@unittest.skipIf(missing(), missing())
class ConnectPage(PortalCase):
    def begin(self, **fields: Any) -> tuple[dict[str, Any], str]:
        """AuthorizeResponse, and the path of its connect page."""
        begun = self.stack.begin("ann", **fields)
        self.assertTrue(
            begun["connectUri"].startswith(f"{self.stack.http}/connect/")
        )
        return begun, urlsplit(begun["connectUri"]).path

    def test_from_the_page_to_the_result(self) -> None:
        begun, path = self.begin(scopes=["boards:read", "pins:write"])
        page = self.ask("GET", path, origin=None)
        self.assertEqual(page.status, 200)
        text = page.body.decode()
        for part in ("shop", "read board data", "create and manage pins"):
            self.assertIn(part, text)
        links = [html.unescape(x) for x in re.findall('href="([^"]*)"', text)]
        self.assertEqual(links, [begun["authorizationUri"], path + "/cancel"])
        result = self.stack.come_back(consent(links[0], "ann"))
        self.assertEqual(result.status, 200)
        self.assertIn(b"is connected", result.body)
        over = self.ask("GET", path, origin=None)
        self.assertEqual(over.status, 400)
        self.assertIn(b"This link no longer works", over.body)

    def test_cancel_uses_nothing_up(self) -> None:
        begun, path = self.begin()
        for _ in range(2):
            page = self.ask("GET", f"{path}/cancel", origin=None)
            self.assertEqual(page.status, 403)
            self.assertIn(b"You did not connect", page.body)
        self.assertEqual(self.ask("HEAD", path, origin=None).status, 200)
        result = self.stack.come_back(
            consent(begun["authorizationUri"], "ann")
        )
        self.assertEqual(result.status, 200)

    def test_what_is_no_link(self) -> None:
        for path in ("/connect/", "/connect/x", f"/connect/{'x' * 43}"):
            page = self.ask("GET", path, origin=None)
            self.assertEqual(page.status, 400, path)
            self.assertIn(b"This link no longer works", page.body)
        self.assertEqual(self.ask("POST", "/connect/x", {}).status, 405)

    def test_names_full_of_markup_are_text(self) -> None:
        hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
        self.stack.checked(
            *("applications", "update", "shop", "--display-name", hostile),
            key=self.stack.admin_key,
        )
        _, path = self.begin()
        text = self.ask("GET", path, origin=None).body.decode()
        self.assertNotIn("<script", text)
        self.assertNotIn("<img", text)
        self.assertIn("&lt;script&gt;alert(1)", text)


if __name__ == "__main__":
    unittest.main()
