"""An emulator per test class, and a client's side of the flow."""

from __future__ import annotations

import base64
import unittest
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from pinterest_emulator.client import (
    Answer,
    Emulator,
    consent,
    post_form,
    request,
)

CLIENT_ID = "1234567"
SECRET = "s3cret:with-colon"
REDIRECT_URI = "http://127.0.0.1:9/oauth/callback"
SCOPE = "user_accounts:read,boards:read"


def basic(client_id: str = CLIENT_ID, secret: str = SECRET) -> dict[str, str]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def query_of(location: str) -> dict[str, str]:
    query = parse_qs(urlsplit(location).query, strict_parsing=True)
    return {name: values[0] for name, values in query.items()}


class EmulatorTestCase(unittest.TestCase):
    emulator: ClassVar[Emulator]

    @classmethod
    def setUpClass(cls) -> None:
        cls.emulator = Emulator.start()
        cls.addClassCleanup(cls.emulator.stop)

    def setUp(self) -> None:
        self.emulator.reset()
        self.emulator.put_app(
            CLIENT_ID, secret=SECRET, redirect_uris=[REDIRECT_URI]
        )

    def authorization_uri(self, **changes: str | None) -> str:
        parameters = {
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": SCOPE,
            "state": "state-1",
            **changes,
        }
        sent = {n: v for n, v in parameters.items() if v is not None}
        return f"{self.emulator.www}/oauth/?{urlencode(sent)}"

    def code(self, login: str = "ann", **changes: str | None) -> str:
        location = consent(self.authorization_uri(**changes), login)
        return query_of(location)["code"]

    def token_post(
        self,
        form: dict[str, str],
        headers: dict[str, str] | None = None,
        sandbox: bool = False,
    ) -> Answer:
        origin = self.emulator.sandbox if sandbox else self.emulator.api
        sent = basic() if headers is None else headers
        return post_form(f"{origin}/v5/oauth/token", form, sent)

    def exchange(self, code: str, **changes: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "continuous_refresh": "true",
            **changes,
        }
        return self.token_post(form)

    def refresh(self, refresh_token: str, **more: str) -> Answer:
        return self.token_post(
            {
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
                **more,
            }
        )

    def connect(self, login: str = "ann", **changes: str) -> dict[str, Any]:
        """Consent and exchange; the token answer."""
        answer = self.exchange(self.code(login, **changes))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    def user_account(self, token: str, sandbox: bool = False) -> Answer:
        origin = self.emulator.sandbox if sandbox else self.emulator.api
        return request(
            "GET",
            f"{origin}/v5/user_account",
            headers={"authorization": f"Bearer {token}"},
        )

    def revoke(
        self, token: str, headers: dict[str, str] | None = None
    ) -> Answer:
        return post_form(
            f"{self.emulator.api}/v5/oauth/token/revoke",
            {"token": token},
            basic() if headers is None else headers,
        )

    def assert_failure(self, answer: Answer, status: int, code: int) -> None:
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.json()["code"], code)
        self.assertEqual(answer.json()["status"], "failure")
        self.assertTrue(answer.headers["x-pinterest-rid"].isdigit())
