"""Consent, exchange, refresh, user_account and revocation."""

from __future__ import annotations

import base64
import hashlib
import time

from pinterest_emulator.client import consent, post_form, request

from .support import (
    CLIENT_ID,
    REDIRECT_URI,
    SECRET,
    EmulatorTestCase,
    basic,
    query_of,
)

VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    .rstrip(b"=")
    .decode()
)
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


class AuthorizeTest(EmulatorTestCase):
    def test_page_shows_app_and_scopes(self) -> None:
        self.emulator.put_app(CLIENT_ID, name="Boards & <Co>")
        page = request("GET", self.authorization_uri(state='"><b>'))
        self.assertEqual(page.status, 200)
        self.assertTrue(page.headers["content-type"].startswith("text/html"))
        text = page.body.decode()
        self.assertIn("Boards &amp; &lt;Co&gt;", text)
        self.assertIn("boards:read", text)
        self.assertNotIn('"><b>', text)

    def test_approval_returns_code_and_state(self) -> None:
        location = consent(self.authorization_uri(state="a b&c=ü"))
        self.assertTrue(location.startswith(REDIRECT_URI + "?"))
        self.assertEqual(query_of(location)["state"], "a b&c=ü")
        self.assertNotIn(
            "state", query_of(consent(self.authorization_uri(state=None)))
        )

    def test_cancel_returns_access_denied_and_state(self) -> None:
        location = consent(self.authorization_uri(), approve=False)
        query = query_of(location)
        self.assertEqual(query["error"], "access_denied")
        self.assertEqual(query["state"], "state-1")
        self.assertIn("error_description", query)

    def test_redirect_uri_with_a_query_keeps_it(self) -> None:
        uri = "http://127.0.0.1:9/cb?tenant=7"
        self.emulator.put_app(CLIENT_ID, redirect_uris=[uri])
        location = consent(self.authorization_uri(redirect_uri=uri))
        self.assertTrue(location.startswith(uri + "&code="))

    def test_bad_requests_are_pages_and_never_redirects(self) -> None:
        cases = (
            ({"client_id": "0"}, 283),
            ({"redirect_uri": REDIRECT_URI + "/"}, 7),
            ({"redirect_uri": None}, 7),
            ({"scope": None}, 1),
            ({"scope": "boards:eat"}, 1),
            ({"response_type": "token"}, 1),
        )
        for changes, code in cases:
            with self.subTest(changes):
                answer = request("GET", self.authorization_uri(**changes))
                self.assert_failure(answer, 400, code)
                self.assertEqual(
                    answer.json()["endpoint_name"], "oauth_connect"
                )
        repeated = self.authorization_uri() + "&client_id=0"
        self.assert_failure(request("GET", repeated), 400, 1)

    def test_auto_approve_redirects_at_once(self) -> None:
        self.emulator.configure(auto_approve=True, login="ben")
        answer = request("GET", self.authorization_uri())
        self.assertEqual(answer.status, 302)
        code = query_of(answer.headers["location"])["code"]
        token = self.exchange(code).json()["access_token"]
        account = self.user_account(token).json()
        self.assertEqual(account["username"], "ben_pins")


class ExchangeTest(EmulatorTestCase):
    def test_answer_has_the_documented_fields(self) -> None:
        answer = self.exchange(self.code())
        body = answer.json()
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertRegex(body["access_token"], r"^pina_[\w-]{60,200}$")
        self.assertRegex(body["refresh_token"], r"^pinr_[\w-]{60,200}$")
        self.assertEqual(body["response_type"], "authorization_code")
        self.assertEqual(body["token_type"], "bearer")
        self.assertEqual(body["expires_in"], 2_592_000)
        self.assertEqual(body["refresh_token_expires_in"], 5_184_000)
        self.assertAlmostEqual(
            body["refresh_token_expires_at"], time.time() + 5_184_000, delta=60
        )
        self.assertEqual(body["scope"], "user_accounts:read boards:read")

    def test_code_is_single_use_and_bound(self) -> None:
        self.emulator.put_app("2", secret="x", redirect_uris=[REDIRECT_URI])
        code = self.code()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
        }
        other = self.token_post(form, basic("2", "x"))
        self.assert_failure(other, 401, 2)
        wrong = self.exchange(code, redirect_uri="http://127.0.0.1:9/")
        self.assert_failure(wrong, 401, 2)
        self.assertEqual(self.exchange(code).status, 200)
        self.assert_failure(self.exchange(code), 401, 2)
        self.assert_failure(self.exchange("nonsense"), 401, 2)
        reasons = [
            e["reason"]
            for e in self.emulator.ledger(
                kind="authorization_code", event="presented"
            )
        ]
        self.assertEqual(
            reasons,
            ["wrong_client", "wrong_redirect_uri", "ok", "spent", "unknown"],
        )

    def test_code_lives_ten_minutes(self) -> None:
        young, old = self.code(), self.code()
        self.emulator.advance_clock(599)
        self.assertEqual(self.exchange(young).status, 200)
        self.emulator.advance_clock(2)
        self.assert_failure(self.exchange(old), 401, 2)

    def test_only_basic_authenticates(self) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": self.code(),
            "redirect_uri": REDIRECT_URI,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
        }
        bad: tuple[dict[str, str], ...] = (
            {},
            basic(secret="wrong"),
            basic(client_id="0"),
            {"authorization": "Basic !!!"},
            {"authorization": "Bearer x"},
        )
        for headers in bad:
            with self.subTest(headers):
                answer = self.token_post(form, headers)
                self.assert_failure(answer, 401, 2)
        self.assertEqual(self.token_post(form).status, 200)

    def test_only_a_form_at_the_exact_path(self) -> None:
        url = f"{self.emulator.api}/v5/oauth/token"
        headers = {**basic(), "content-type": "application/json"}
        answer = request("POST", url, b"{}", headers)
        self.assert_failure(answer, 400, 1)
        self.assertEqual(post_form(url + "/", {}, basic()).status, 404)
        self.assertEqual(request("GET", url).status, 405)
        www = post_form(f"{self.emulator.www}/v5/oauth/token", {}, basic())
        self.assertEqual(www.status, 404)

    def test_unknown_grant_type(self) -> None:
        answer = self.token_post({"grant_type": "password"})
        self.assert_failure(answer, 400, 1)

    def test_pkce_modes(self) -> None:
        right, wrong = {"code_verifier": VERIFIER}, {"code_verifier": "w" * 64}
        # mode, sent with authorize, sent with the exchange, status
        cases: tuple[tuple[str, dict[str, str], dict[str, str], int], ...] = (
            ("check", PKCE, right, 200),
            ("check", PKCE, wrong, 401),
            ("check", PKCE, {}, 200),
            ("check", {}, right, 200),
            ("enforce", PKCE, right, 200),
            ("enforce", PKCE, wrong, 401),
            ("enforce", PKCE, {}, 401),
            ("ignore", PKCE, wrong, 200),
        )
        for mode, challenge, verifier, status in cases:
            with self.subTest(mode=mode, verifier=verifier):
                self.emulator.configure(pkce=mode)
                answer = self.exchange(self.code(**challenge), **verifier)
                self.assertEqual(answer.status, status)
        verified = [g["pkce_verified"] for g in self.emulator.grants()]
        self.assertEqual(verified, [True, False, False, True, False])
        self.emulator.configure(pkce="enforce")
        answer = request("GET", self.authorization_uri())
        self.assert_failure(answer, 400, 1)

    def test_a_new_secret_replaces_the_old_and_spares_tokens(self) -> None:
        tokens = self.connect()
        self.emulator.put_app(CLIENT_ID, secret="new")
        self.assertEqual(self.user_account(tokens["access_token"]).status, 200)
        self.assert_failure(self.refresh(tokens["refresh_token"]), 401, 2)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
        }
        answer = self.token_post(form, basic(secret="new"))
        self.assertEqual(answer.status, 200)

    def test_client_credentials(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "scope": "ads:read user_accounts:read",
        }
        body = self.token_post(form).json()
        self.assertTrue(body["access_token"].startswith("pinc_"))
        self.assertEqual(body["response_type"], "client_credentials")
        self.assertNotIn("refresh_token", body)
        account = self.user_account(body["access_token"]).json()
        self.assertEqual(account["username"], "owner_pins")
        del form["scope"]
        self.assert_failure(self.token_post(form), 400, 1)


class RefreshTest(EmulatorTestCase):
    def test_rotation(self) -> None:
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json()
        self.assertEqual(second["response_type"], "refresh_token")
        self.assertNotEqual(second["refresh_token"], first["refresh_token"])
        self.assertEqual(second["scope"], first["scope"])
        for name in ("refresh_token_expires_in", "refresh_token_expires_at"):
            self.assertIn(name, second)
        for tokens in (first, second):
            answer = self.user_account(tokens["access_token"])
            self.assertEqual(answer.status, 200)

    def test_scope_subset_narrows_the_access_token_only(self) -> None:
        first = self.connect()
        narrow = self.refresh(first["refresh_token"], scope="boards:read")
        self.assertEqual(narrow.json()["scope"], "boards:read")
        answer = self.user_account(narrow.json()["access_token"])
        self.assert_failure(answer, 403, 29)
        token = narrow.json()["refresh_token"]
        more = self.refresh(token, scope="boards:read ads:read")
        self.assert_failure(more, 400, 1)
        whole = self.refresh(token).json()
        self.assertEqual(whole["scope"], first["scope"])

    def test_reuse_rejected(self) -> None:
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json()
        self.assert_failure(self.refresh(first["refresh_token"]), 401, 2)
        self.assertEqual(self.refresh(second["refresh_token"]).status, 200)

    def test_reuse_revokes_the_family(self) -> None:
        self.emulator.configure(reuse="revoke_family")
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json()
        self.assert_failure(self.refresh(first["refresh_token"]), 401, 2)
        self.assert_failure(self.refresh(second["refresh_token"]), 401, 2)
        self.assert_failure(self.user_account(second["access_token"]), 401, 2)
        (grant,) = self.emulator.grants()
        self.assertEqual(grant["death_reason"], "reuse_detected")

    def test_reuse_within_the_grace_repeats_the_pair(self) -> None:
        self.emulator.configure(reuse="grace", reuse_grace=10)
        first = self.connect()
        second = self.refresh(first["refresh_token"]).json()
        again = self.refresh(first["refresh_token"]).json()
        self.assertEqual(again["access_token"], second["access_token"])
        self.assertEqual(again["refresh_token"], second["refresh_token"])
        self.emulator.advance_clock(10)
        self.assert_failure(self.refresh(first["refresh_token"]), 401, 2)
        self.assertEqual(self.refresh(second["refresh_token"]).status, 200)

    def test_refresh_token_expires_and_slides(self) -> None:
        self.emulator.configure(refresh_ttl=100)
        tokens = self.connect()
        for _ in range(3):
            self.emulator.advance_clock(99)
            tokens = self.refresh(tokens["refresh_token"]).json()
        self.emulator.advance_clock(100)
        self.assert_failure(self.refresh(tokens["refresh_token"]), 401, 2)
        (grant,) = self.emulator.grants()
        self.assertEqual(grant["death_reason"], "expired")

    def test_another_client_or_kind_of_token(self) -> None:
        self.emulator.put_app("2", secret="x", redirect_uris=[REDIRECT_URI])
        tokens = self.connect()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
        }
        self.assert_failure(self.token_post(form, basic("2", "x")), 401, 2)
        self.assert_failure(self.refresh(tokens["access_token"]), 401, 2)
        self.assert_failure(self.refresh("pinr_nonsense"), 401, 2)

    def test_sandbox_and_production_do_not_mix(self) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": self.code(),
            "redirect_uri": REDIRECT_URI,
        }
        tokens = self.token_post(form, sandbox=True).json()
        access = tokens["access_token"]
        self.assertEqual(self.user_account(access, sandbox=True).status, 200)
        self.assert_failure(self.user_account(access), 401, 2)
        self.assert_failure(self.refresh(tokens["refresh_token"]), 401, 2)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
        }
        self.assertEqual(self.token_post(form, sandbox=True).status, 200)


class UserAccountTest(EmulatorTestCase):
    def test_fields(self) -> None:
        account = self.user_account(self.connect("cleo")["access_token"]).json()
        self.assertEqual(
            set(account),
            {
                "account_type",
                "id",
                "profile_image",
                "website_url",
                "username",
                "about",
                "business_name",
                "board_count",
                "pin_count",
                "follower_count",
                "following_count",
                "monthly_views",
            },
        )
        self.assertTrue(account["id"].isdigit())
        self.assertEqual(account["username"], "cleo_pins")

    def test_expired_bogus_and_missing_token(self) -> None:
        self.emulator.configure(access_ttl=60)
        token = self.connect()["access_token"]
        self.emulator.advance_clock(60)
        answer = self.user_account(token)
        self.assertEqual(
            answer.json(),
            {
                "code": 2,
                "message": "Authentication failed.",
                "status": "failure",
            },
        )
        self.assert_failure(answer, 401, 2)
        self.assert_failure(self.user_account("bogus"), 401, 2)
        bare = request("GET", f"{self.emulator.api}/v5/user_account")
        self.assert_failure(bare, 401, 2)

    def test_missing_scope(self) -> None:
        token = self.connect(scope="boards:read")["access_token"]
        self.assert_failure(self.user_account(token), 403, 29)


class RevokeTest(EmulatorTestCase):
    def test_normal_users_tokens_are_not_revocable(self) -> None:
        tokens = self.connect()
        self.assert_failure(self.revoke(tokens["refresh_token"]), 403, 29)
        self.assert_failure(self.revoke("unknown"), 403, 29)
        self.assertEqual(self.user_account(tokens["access_token"]).status, 200)

    def test_system_users_tokens_are(self) -> None:
        self.emulator.put_login("ann", system_user=True)
        tokens = self.connect()
        for _ in range(2):
            answer = self.revoke(tokens["access_token"])
            self.assertEqual((answer.status, answer.body), (200, b""))
        self.assert_failure(self.user_account(tokens["access_token"]), 401, 2)
        renewed = self.refresh(tokens["refresh_token"]).json()
        self.assertEqual(self.revoke(renewed["refresh_token"]).status, 200)
        self.assert_failure(self.user_account(renewed["access_token"]), 401, 2)

    def test_bad_client(self) -> None:
        self.emulator.put_login("ann", system_user=True)
        token = self.connect()["access_token"]
        answer = self.revoke(token, basic(secret="wrong"))
        self.assert_failure(answer, 401, 2)
        self.assertEqual(self.user_account(token).status, 200)
