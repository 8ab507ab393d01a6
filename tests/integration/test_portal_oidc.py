"""Signing in to the portal at an identity provider, through a real server: the
whole way, what a wrong answer gets, and what the caller policy decides."""

from __future__ import annotations

import re
import shutil
import subprocess
import unittest

from e2e.stack import SERVER
from integration.harness import APPLICATION, Reply, missing, wait_for
from integration.identity_provider import CANARY, CLIENT_ID, forged
from integration.issuer import SigningKey
from integration.oidc_stack import Browser, OidcStack, rule


class OidcCase(unittest.TestCase):
    def setUp(self) -> None:
        self.stack = self.enterContext(OidcStack())
        self.provider = self.stack.provider
        self.browser = Browser(self.stack)

    def refused(self, reply: Reply, status: int) -> str:
        """The page's text without its style; no session came with it."""
        self.assertEqual(reply.status, status, reply.body)
        self.assertNotIn("valetkey-session", self.browser.jar)
        text = re.sub(r"<style>.*</style>", "", reply.body.decode(), flags=re.S)
        self.assertNotIn(CANARY, text)
        return text


@unittest.skipIf(missing(), missing())
class SigningIn(OidcCase):
    def test_the_whole_way(self) -> None:
        ways = self.browser.ask("GET", "/portal/sign-in").json()
        self.assertEqual(ways["oidc"], {"host": "localhost"})
        done = self.browser.sign_in("/applications/shop?a=b")
        self.assertEqual(done.status, 302, done.body)
        self.assertEqual(done.headers["location"], "/applications/shop?a=b")
        # The sign-in's own cookie is gone again.
        self.assertEqual(list(self.browser.jar), ["valetkey-session"])
        who = self.browser.ask("GET", "/portal/session").json()
        self.assertEqual(
            who["person"], {"name": "Ann Archer", "email": "ann@example.com"}
        )
        self.assertEqual(who["application"], "applications/system")
        self.assertIs(who["system"], True)
        listed = self.browser.list()
        self.assertEqual(listed.status, 200, listed.body)
        # Across restarts, for the server keeps nothing: also half-way.
        asked = self.browser.begin()
        self.stack.restart()
        self.assertEqual(self.browser.list().status, 200)
        again = self.browser.come_back(self.provider.consent(asked))
        self.assertEqual(again.status, 302, again.body)
        gone = self.browser.ask("DELETE", "/portal/session")
        self.assertEqual(gone.status, 204)
        self.assertEqual(self.browser.list().status, 401)
        self.assert_nothing_secret_was_logged()

    def assert_nothing_secret_was_logged(self) -> None:
        def told() -> bool:
            return "signed in to the portal" in self.stack.log.read_text()

        wait_for("the log", told)
        log = self.stack.log.read_text()
        self.assertIn("ann-1", log)
        self.assertNotIn(CANARY, log)
        self.assertNotIn("eyJ", log)

    def test_an_application_of_their_own(self) -> None:
        self.stack.set_up()
        self.stack.write(rule(application=APPLICATION))
        self.stack.restart()
        self.assertEqual(self.browser.sign_in().status, 302)
        who = self.browser.ask("GET", "/portal/session").json()
        self.assertEqual(who["application"], APPLICATION)
        self.assertIs(who["system"], False)
        seen = self.browser.list().json()["applications"]
        self.assertEqual([a["name"] for a in seen], [APPLICATION])
        keys = "/valetkey.v1.ApplicationService/ListKeys"
        listed = self.browser.ask("POST", keys, {"parent": APPLICATION})
        self.assertEqual(listed.status, 200, listed.body)

    def test_the_policy_decides_at_each_call(self) -> None:
        self.assertEqual(self.browser.sign_in().status, 302)
        self.assertEqual(self.browser.list().status, 200)
        self.stack.write(rule(group="others"))
        refusal = wait_for(
            "the policy",
            lambda: (r := self.browser.list()).status != 200 and r,
        )
        self.assertEqual(refusal.status, 401)
        self.assertEqual(refusal.reason, "CALLER_INVALID")
        self.assertNotIn("valetkey-session", self.browser.jar)
        text = self.refused(self.browser.sign_in(), 403)
        self.assertIn("Ann Archer", text)
        self.assertIn("ann-1", text)

    def test_many_groups_fit_into_the_cookie(self) -> None:
        self.provider.claims["groups"] = [
            "ops",
            *(f"00000000-0000-0000-0000-{i:012}" for i in range(300)),
        ]
        self.assertEqual(self.browser.sign_in().status, 302)
        self.assertLess(len(self.browser.jar["valetkey-session"]), 1024)
        self.assertEqual(self.browser.list().status, 200)

    def test_a_provider_that_is_down(self) -> None:
        self.provider.stop()
        self.stack.restart()
        down = self.browser.ask("GET", "/portal/oidc/start")
        self.assertIn("does not answer", self.refused(down, 503))
        key = {"api_key": self.stack.admin_key}
        by_key = self.browser.ask("POST", "/portal/session", key)
        self.assertEqual(by_key.status, 204)
        self.browser.jar.clear()
        self.provider.start()
        wait_for(
            "the provider",
            lambda: self.browser.ask("GET", "/portal/oidc/start").status == 302,
        )
        self.assertEqual(self.browser.sign_in().status, 302)

    def seen(self, path: str) -> str:
        """The page as it is once a browser has nothing more to do."""
        return subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu"),
                f"--user-data-dir={self.stack.folder / 'chromium'}",
                *("--virtual-time-budget=20000", "--dump-dom"),
                f"{self.stack.http}{path}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        ).stdout

    @unittest.skipUnless(shutil.which("chromium"), "chromium is not here")
    def test_in_a_browser(self) -> None:
        page = self.seen("/applications")
        if "clients/portal/run" in page:
            self.skipTest("built without the portal")
        self.assertIn("Sign in with localhost", page)
        found = re.search('href="(/portal/oidc/start[^"]*)"', page)
        assert found is not None
        self.assertTrue(found[1].endswith("return_to=%2Fapplications"))
        # The way leads over another site; what the page then asks by the new
        # cookie, which is SameSite=Strict, has to go along with it.
        page = self.seen(found[1])
        self.assertIn("/token", self.provider.requests)
        self.assertNotIn("Sign in to ValetKey", page)
        self.assertIn("There is no application yet", page)


@unittest.skipIf(missing(), missing())
class WrongAnswers(OidcCase):
    def test_an_answer_counts_once_and_in_one_browser(self) -> None:
        location = self.provider.consent(self.browser.begin())
        stranger = Browser(self.stack)
        stranger.begin()
        self.assertEqual(stranger.come_back(location).status, 400)
        self.assertEqual(self.browser.come_back(location).status, 302)
        self.assertEqual(self.browser.come_back(location).status, 400)

    def test_two_tabs(self) -> None:
        first = self.browser.begin("/first")
        second = self.browser.begin("/second")
        for asked, place in ((first, "/first"), (second, "/second")):
            done = self.browser.come_back(self.provider.consent(asked))
            self.assertEqual(done.headers["location"], place)

    def test_tokens_that_prove_nothing(self) -> None:
        stranger = SigningKey(self.stack.folder, "stranger")
        for claims in (
            {"aud": "another"},
            {"aud": [CLIENT_ID, "another"]},
            {"azp": "another"},
            {"iss": "https://evil.example"},
            {"exp": 1},
            {"nonce": "another"},
            {"nonce": None},
            {"iat": None},
        ):
            with self.subTest(claims=claims):
                self.provider.claims = claims
                self.refused(self.browser.sign_in(), 400)
        self.provider.claims = {}
        # Ten failures are free; the rest is another server's.
        self.stack.restart()
        for algorithm in ("none", "HS256"):
            with self.subTest(algorithm=algorithm):
                asked = self.browser.begin()
                location = self.provider.consent(asked)
                self.provider.token = forged(
                    self.provider, algorithm, asked["nonce"]
                )
                self.refused(self.browser.come_back(location), 400)
        asked = self.browser.begin()
        location = self.provider.consent(asked)
        trusted, self.provider.keys = self.provider.keys, [stranger]
        self.provider.token = self.provider.sign(asked["nonce"])
        self.provider.keys = trusted
        self.refused(self.browser.come_back(location), 400)
        self.provider.token = None
        self.assertEqual(self.browser.sign_in().status, 302)

    def test_keys_rotate(self) -> None:
        self.assertEqual(self.browser.sign_in().status, 302)
        self.provider.keys = [SigningKey(self.stack.folder, "two")]
        # Keys are not read again within ten seconds; ten failures are free.
        wait_for(
            "the new key", lambda: self.browser.sign_in().status == 302, pause=2
        )

    def test_what_the_provider_says_is_text(self) -> None:
        self.provider.answer = {
            "error": "access_denied",
            "error_description": "<script>alert(1)</script>\"'>\r\nX: y",
        }
        text = self.refused(self.browser.sign_in(), 403)
        self.assertIn("access_denied", text)
        self.assertIn("&lt;script&gt;alert(1)", text)
        self.assertNotIn("<script", text)

    def test_another_provider_answers(self) -> None:
        asked = self.browser.begin()
        self.provider.answer = {"code": "x", "iss": "https://evil.example"}
        text = self.refused(
            self.browser.come_back(self.provider.consent(asked)), 400
        )
        self.assertIn("does not come from", text)
        self.assertNotIn("/token", self.provider.requests)

    def test_no_way_to_another_origin(self) -> None:
        for place in ("https://evil.example", "//evil.example", "/\\evil"):
            done = self.browser.sign_in(place)
            self.assertEqual(done.headers["location"], "/", place)
        other = self.browser.ask("GET", "/portal/oidc/start", site="cross-site")
        self.assertEqual(other.headers["location"], "/")

    def test_failures_are_slowed_down(self) -> None:
        for _ in range(10):
            lost = self.browser.ask("GET", "/portal/oidc/callback?state=x")
            self.assertEqual(lost.status, 400)
        reply = self.browser.ask("GET", "/portal/oidc/callback?state=x")
        self.assertEqual(reply.status, 429)
        self.assertGreater(int(reply.headers["retry-after"]), 0)


@unittest.skipIf(missing(), missing())
class Flags(OidcCase):
    def error_of(self, *flags: str) -> str:
        ended = subprocess.run(
            [
                str(SERVER),
                f"--data_dir={self.stack.folder}/other",
                "--listen=127.0.0.1:0",
                f"--http_listen=unix:{self.stack.folder}/other.sock",
                "--public_url=http://127.0.0.1:1",
                *flags,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(ended.returncode, 1, ended.stderr)
        return ended.stderr

    def test_what_does_not_fit_together_is_told(self) -> None:
        policy, issuer, client, secret = self.stack.flags
        empty = self.stack.folder / "empty"
        empty.write_text("\n")
        for flags, words in (
            ((policy, client), "--portal_oidc_issuer"),
            ((policy, issuer), "--portal_oidc_client_id"),
            ((issuer, client), "--caller_policy"),
            ((policy, issuer, client, "--portal=false"), "--portal"),
            (
                (policy, "--portal_oidc_issuer=http://id.example", client),
                "https",
            ),
            (
                (policy, issuer, "--portal_oidc_client_id=another"),
                'audiences: "another"',
            ),
            (
                (policy, "--portal_oidc_issuer=https://id.example", client),
                'issuer: "https://id.example"',
            ),
            (
                (policy, issuer, client)
                + (f"--portal_oidc_client_secret_file={empty}",),
                "expected a client secret",
            ),
            (
                (policy, issuer, client)
                + (f"--portal_oidc_client_secret_file={empty}.none",),
                "No such file",
            ),
            (
                (policy, issuer, client, '--portal_oidc_scopes=a "b"'),
                "--portal_oidc_scopes",
            ),
        ):
            with self.subTest(flags=flags):
                self.assertIn(words, self.error_of(*flags))


if __name__ == "__main__":
    unittest.main()
