"""The callback page, fed with what browsers, attackers and providers may
send: a clear page, a clear status, and nothing changed."""

from __future__ import annotations

import base64
import re
import socket
import time
import unittest
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from integration.harness import (
    APPLICATION,
    IntegrationStack,
    consent,
    missing,
    request,
    wait_for,
)
from pinterest_emulator.client import Answer, post_form

_RETURN = "https://shop.example/done?tab=accounts"
_HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
_PATH = "/oauth/callback"


class CallbackCase(unittest.TestCase):
    stack: IntegrationStack
    flags: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = cls.enterClassContext(
            IntegrationStack(access_ttl=3600, flags=cls.flags)
        )
        cls.stack.set_up()
        cls.stack.checked(
            *("applications", "update", "shop"),
            *("--return-uri", _RETURN),
            key=cls.stack.admin_key,
        )

    def world(self) -> tuple[Any, Any, Any]:
        """All that a callback could change: the connections with their etags,
        the last event, and what the provider was asked."""
        # Learning a new connection's account changes it by itself.
        wait_for("the accounts", self.all_known)
        # A list's cursor may be of just before what it shows: list once more.
        listed = wait_for("the accounts", self.all_known)
        connections = [(c["name"], c["etag"], c["state"]) for c in listed[0]]
        posts = self.stack.emulator.summary()["token_posts"]
        return connections, listed[1], posts

    def all_known(self) -> tuple[Any, Any] | None:
        with self.stack.caller() as caller:
            reply = caller.call(
                "ConnectionService/ListConnections",
                {"parent": APPLICATION, "pageSize": 1000},
            ).json()
        found = reply.get("connections", [])
        known = all("account" in c for c in found)
        return (found, reply["cursor"]) if known else None

    def get(self, query: str, **headers: str) -> Answer:
        return request("GET", f"{self.stack.http}{_PATH}{query}", None, headers)

    def assert_page(self, page: Answer, status: int, *texts: str) -> None:
        body = page.body.decode()
        self.assertEqual(page.status, status, body[:300])
        self.assertEqual(
            page.headers["content-type"], "text/html; charset=utf-8"
        )
        for text in texts:
            self.assertIn(text, body)
        self.assertIn("What to do now", body)
        self.assertNotIn("location", page.headers)
        self.assert_secure(page)
        policy = page.headers["content-security-policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'"):
            self.assertIn(part, policy)
        self.assertIsNone(re.search(r"<script|<img|onerror=|javascript:", body))

    def assert_secure(self, page: Answer) -> None:
        self.assertEqual(page.headers["x-content-type-options"], "nosniff")
        self.assertEqual(page.headers["referrer-policy"], "no-referrer")
        self.assertIn("no-store", page.headers["cache-control"])
        self.assertNotIn("set-cookie", page.headers)

    def redirect(
        self, subject: str, approve: bool = True, **fields: Any
    ) -> tuple[str, str]:
        """The query that the provider sends back, and the connection."""
        begun = self.stack.begin(subject, **fields)
        location = consent(begun["authorizationUri"], subject, approve)
        return "?" + urlsplit(location).query, begun["connection"]


@unittest.skipIf(missing(), missing())
class Callback(CallbackCase):
    def test_connected(self) -> None:
        query, name = self.redirect("ann")
        self.assert_page(self.get(query), 200, "Pinterest</bdi> is connected")
        self.assertTrue(self.stack.get_token(name).ok)

    def test_replayed_with_the_same_code(self) -> None:
        """A reload of the page says the same and asks the provider nothing."""
        query, _ = self.redirect("ben")
        self.assert_page(self.get(query), 200)
        before = self.world()
        self.assert_page(self.get(query), 200, "is connected")
        self.assertEqual(self.world(), before)

    def test_replayed_with_another_code(self) -> None:
        query, _ = self.redirect("cat")
        self.assert_page(self.get(query), 200)
        other, _ = self.redirect("cat")
        before = self.world()
        state = parse_qs(query[1:])["state"][0]
        code = parse_qs(other[1:])["code"][0]
        forged = "?" + urlencode({"state": state, "code": code})
        self.assert_page(
            self.get(forged),
            400,
            "no longer works",
            "AUTHORIZATION_STATE_INVALID",
        )
        self.assertEqual(self.world(), before)

    def test_forged(self) -> None:
        before = self.world()
        for query in (
            "",
            "?",
            "?code=x",
            "?state=",
            "?state=&code=x",
            "?state=forged&code=x",
            "?state=forged&error=access_denied",
            "?state=%00&code=%ff%fe",
            "?state=%zz&code=%",
            "?&&==&state==&=",
            "?state=" + "A" * 43 + "&code=x",
            "?code=x&state=x;y=z",
        ):
            with self.subTest(query=query):
                self.assert_page(self.get(query), 400)
        self.assertEqual(self.world(), before)

    def test_a_parameter_twice(self) -> None:
        query, name = self.redirect("dan")
        before = self.world()
        for more in ("&code=x", "&state=x", "&iss=a&iss=b", "&error=a&error=b"):
            with self.subTest(more=more):
                self.assert_page(self.get(query + more), 400)
        self.assertEqual(self.world(), before)
        self.assert_page(self.get(query), 200)
        self.assertTrue(self.stack.get_token(name).ok)

    def test_declined(self) -> None:
        query, name = self.redirect("eve", approve=False)
        self.assertIn("error=access_denied", query)
        before = self.world()
        self.assert_page(
            self.get(query), 403, "You did not connect", "CONSENT_DENIED"
        )
        self.assertEqual(self.world(), before)
        self.assertEqual(
            self.stack.get_token(name).reason, "CONNECTION_NOT_FOUND"
        )

    def test_errors_of_the_provider(self) -> None:
        before = self.world()
        for error, status in (
            ("server_error", 503),
            ("temporarily_unavailable", 503),
            ("invalid_scope", 502),
            ("unauthorized_client", 502),
            ("something_else", 403),
        ):
            with self.subTest(error=error):
                state = self.stack.begin("fay")["state"]
                page = self.get(
                    "?"
                    + urlencode(
                        {
                            "state": state,
                            "error": error,
                            "error_description": _HOSTILE,
                            "error_uri": "https://evil.example",
                        }
                    )
                )
                self.assert_page(page, status)
                self.assertNotIn(b"evil.example", page.body)
                self.assertEqual("retry-after" in page.headers, status == 503)
        self.assertEqual(self.world(), before)

    def test_another_issuer(self) -> None:
        query, name = self.redirect("gil")
        before = self.world()
        for issuer in ("https://evil.example", "x", _HOSTILE):
            with self.subTest(issuer=issuer):
                self.assert_page(
                    self.get(query + "&iss=" + quote(issuer, safe="")),
                    400,
                    "ISSUER_MISMATCH",
                )
        self.assertEqual(self.world(), before)
        # The right one does no harm, and the code was not burnt.
        good = quote("https://www.pinterest.com", safe="")
        self.assert_page(self.get(f"{query}&iss={good}"), 200)
        self.assertTrue(self.stack.get_token(name).ok)

    def test_for_another_application(self) -> None:
        """By Exchange with another application's key: not known there, and
        good here afterwards."""
        stack = self.stack
        stack.checked("applications", "create", "other", key=stack.admin_key)
        key = stack.checked(
            *("--application", "other", "keys", "create", "--all-rights"),
            key=stack.admin_key,
        ).out.strip()
        query, name = self.redirect("hal")
        fields = {k: v[0] for k, v in parse_qs(query[1:]).items()}
        body = {"state": fields["state"], "code": fields["code"]}
        before = self.world()
        with stack.caller(key) as caller:
            reply = caller.call("TokenService/Exchange", body)
        self.assertEqual(reply.reason, "AUTHORIZATION_STATE_INVALID")
        self.assertEqual(self.world(), before)
        with stack.caller() as caller:
            reply = caller.call("TokenService/Exchange", body)
            again = caller.call("TokenService/Exchange", body)
        self.assertEqual(reply.json()["connection"], name)
        self.assertEqual(again.json(), reply.json())

    def test_a_wrong_code(self) -> None:
        before = self.world()
        state = self.stack.begin("ida")["state"]
        page = self.get("?" + urlencode({"state": state, "code": _HOSTILE}))
        self.assert_page(page, 400, "AUTHORIZATION_CODE_REJECTED")
        self.assertEqual(self.world()[:2], before[:2])

    def test_garbage(self) -> None:
        before = self.world()
        noise = base64.b64encode(bytes(range(256)) * 300).decode()[:100_000]
        for query in (
            "?state=" + "a" * 100_000,
            "?" + "&".join(f"p{i}=v" for i in range(9000)),
            "?" + quote(noise, safe=""),
            "?" + "%" * 100_000,
        ):
            with self.subTest(query=query[:20]):
                page = self.get(query)
                self.assertIn(page.status, (400, 414, 431))
                self.assert_page(page, page.status)
        self.assertEqual(self.world(), before)
        page = post_form(
            f"{self.stack.http}{_PATH}", {"state": "b" * 100_000, "code": "x"}
        )
        self.assertIn(page.status, (400, 413))
        self.assert_page(page, page.status)
        page = self.get("?state=a&code=b", **{"x-garbage": "c" * 100_000})
        self.assertIn(page.status, (400, 431))
        self.assertEqual(self.world(), before)

    def test_markup_in_every_parameter(self) -> None:
        before = self.world()
        state = self.stack.begin("jan")["state"]
        for name in (
            "state code iss error error_description error_uri scope session"
        ).split():
            with self.subTest(name=name):
                fields = {"state": state, "error": "access_denied"}
                fields[name] = _HOSTILE
                page = self.get("?" + urlencode(fields))
                self.assertIn(page.status, (400, 403))
                self.assert_page(page, page.status)
        page = self.get("?" + urlencode({_HOSTILE: _HOSTILE}))
        self.assert_page(page, 400)
        self.assertEqual(self.world(), before)

    def test_header_injection(self) -> None:
        state = self.stack.begin("kim", returnUri=_RETURN)["state"]
        for value in ("x\r\nset-cookie: a=b", "x\r\n\r\n<script>", "\n\nx"):
            with self.subTest(value=value):
                page = self.get(
                    "?"
                    + urlencode(
                        {
                            "state": state,
                            "error": value,
                            "error_description": value,
                        }
                    )
                )
                self.assertNotIn("set-cookie", page.headers)
                self.assertEqual(page.status, 303)
                self.assertTrue(
                    page.headers["location"].startswith("https://shop.example/")
                )
                self.assertEqual(page.body, b"")

    def test_no_open_redirect(self) -> None:
        before = self.world()
        for name in ("return_uri", "redirect_uri", "next", "url"):
            for target in ("https://evil.example/", "//evil.example"):
                query, _ = self.redirect("lea", approve=False)
                page = self.get(f"{query}&{name}={quote(target, safe='')}")
                self.assert_page(page, 403)
                self.assertNotIn(b"evil.example", page.body)
        self.assertEqual(self.world(), before)
        for uri in (
            "https://evil.example/",
            _RETURN + "x",
            _RETURN[:-1],
            "https://shop.example/done",
            "https://SHOP.example/done?tab=accounts",
            "https://shop.example.evil.example/done?tab=accounts",
            "https://shop.example@evil.example/done",
            "javascript:alert(1)",
        ):
            with self.subTest(uri=uri), self.stack.caller() as caller:
                reply = caller.call(
                    "TokenService/Authorize",
                    {
                        "provider": f"{APPLICATION}/providers/pinterest",
                        "subject": "lea",
                        "returnUri": uri,
                    },
                )
                self.assertEqual(reply.reason, "FIELD_INVALID", reply.body)
                self.assertEqual(
                    reply.info()["metadata"]["field"], "return_uri"
                )

    def test_host_header_does_not_lead_away(self) -> None:
        query, _ = self.redirect("liv", returnUri=_RETURN, approve=False)
        page = self.get(
            query, host="evil.example", **{"x-forwarded-host": "evil.example"}
        )
        self.assertNotIn("evil.example", page.headers.get("location", ""))

    def test_return_uri(self) -> None:
        query, name = self.redirect("mia", returnUri=_RETURN)
        page = self.get(query)
        self.assertIn(page.status, (302, 303))
        self.assert_secure(page)
        location = urlsplit(page.headers["location"])
        self.assertEqual(
            location._replace(query="").geturl(), "https://shop.example/done"
        )
        self.assertEqual(
            parse_qs(location.query),
            {
                "tab": ["accounts"],
                "status": ["connected"],
                "connection": [name],
            },
        )
        query, _ = self.redirect("mia", approve=False, returnUri=_RETURN)
        page = self.get(query)
        values = parse_qs(urlsplit(page.headers["location"]).query)
        self.assertEqual(values["status"], ["declined"])
        self.assertEqual(values["error"], ["CONSENT_DENIED"])

    def test_form_post(self) -> None:
        query, name = self.redirect("nia")
        fields = {k: v[0] for k, v in parse_qs(query[1:]).items()}
        page = post_form(f"{self.stack.http}{_PATH}", fields)
        self.assert_page(page, 200, "is connected")
        self.assertTrue(self.stack.get_token(name).ok)

    def test_post_of_something_else(self) -> None:
        query, _ = self.redirect("nor")
        before = self.world()
        for kind in ("application/json", "text/plain", "multipart/form-data"):
            page = request(
                "POST",
                f"{self.stack.http}{_PATH}",
                query[1:].encode(),
                {"content-type": kind},
            )
            self.assert_page(page, 415)
        self.assertEqual(self.world(), before)

    def test_head_does_not_use_up_the_code(self) -> None:
        query, name = self.redirect("oda")
        before = self.world()
        page = request("HEAD", f"{self.stack.http}{_PATH}{query}")
        self.assertEqual((page.status, page.body), (200, b""))
        self.assertEqual(self.world(), before)
        self.assert_page(self.get(query), 200)
        self.assertTrue(self.stack.get_token(name).ok)

    def test_other_methods(self) -> None:
        query, _ = self.redirect("pia")
        before = self.world()
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
            page = request(method, f"{self.stack.http}{_PATH}{query}")
            self.assert_page(page, 405)
            self.assertEqual(page.headers["allow"], "GET, HEAD, POST")
        self.assertEqual(self.world(), before)

    def test_raw_nonsense_on_the_port(self) -> None:
        before = self.world()
        parts = urlsplit(self.stack.http)
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET /oauth/callback?state=a b HTTP/1.1\r\n\r\n",
            b"GET /oauth/callback HTTP/1.1\r\nhost: a\r\nx: y\rz\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"POST /oauth/callback HTTP/1.1\r\nhost: a\r\n"
            b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"\x00" * 4096,
        ):
            with self.subTest(data=data[:30]):
                with socket.create_connection(
                    (parts.hostname, parts.port), timeout=20
                ) as raw:
                    raw.sendall(data)
                    raw.shutdown(socket.SHUT_WR)
                    answer = b""
                    try:
                        while more := raw.recv(65536):
                            answer += more
                    except ConnectionResetError:
                        pass
                if answer:
                    self.assertRegex(answer, rb"^HTTP/1\.[01] 4\d\d ")
        self.assertEqual(self.world(), before)


@unittest.skipIf(missing(), missing())
class ExpiredCallback(CallbackCase):
    flags = ("--authorization_lifetime=1s",)

    def test_expired(self) -> None:
        query, name = self.redirect("ann")
        before = self.world()
        time.sleep(1.2)
        self.assert_page(
            self.get(query),
            400,
            "This link no longer works",
            "AUTHORIZATION_STATE_INVALID",
        )
        self.assertEqual(self.world(), before)
        self.assertEqual(
            self.stack.get_token(name).reason, "CONNECTION_NOT_FOUND"
        )


if __name__ == "__main__":
    unittest.main()
