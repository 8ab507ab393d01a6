"""An OpenID Connect provider on loopback: a page that sends the browser on, a
token endpoint that insists on PKCE and its client's secret, and a key set that
can change. What it should do wrong is told to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import secrets
import threading
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from integration.issuer import SigningKey, base64url

CLIENT_ID = "valetkey-portal"
CLIENT_SECRET = "canary-secret:%é"
# In one of these everything a log must not hold can be found.
CANARY = "canary"


class IdentityProvider:
    """For one thread; its server has its own. `localhost` is another site than
    the server's 127.0.0.1, as a provider's is."""

    def __init__(self, key: SigningKey) -> None:
        self.keys = [key]
        self.redirect_uri = ""
        self.claims: dict[str, Any] = {}  # changes to the usual ones
        self.token: str | None = None  # in place of the usual ID token
        self.answer: dict[str, str] = {}  # in place of a code
        self.requests: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "authorization_response_iss_parameter_supported": True,
        }

    def consent(self, query: dict[str, str]) -> str:
        """Where the browser goes once the person has signed in here."""
        wanted = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self.redirect_uri,
            "code_challenge_method": "S256",
        }
        for name, value in wanted.items():
            if query.get(name) != value:
                raise ValueError(f"{name} is {query.get(name)!r}")
        if "openid" not in query["scope"].split():
            raise ValueError("no openid in the scope")
        answer = dict(self.answer)
        if not answer:
            answer["code"] = f"{CANARY}-{secrets.token_urlsafe(16)}"
            self._codes[answer["code"]] = query
        answer = {"state": query["state"], "iss": self.url, **answer}
        return f"{self.redirect_uri}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str], authorization: str) -> Any:
        """The token endpoint's status and answer."""
        shown = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if [unquote_plus(part) for part in shown.split(":")] != [
            CLIENT_ID,
            CLIENT_SECRET,
        ]:
            return 401, {"error": "invalid_client"}
        # A code is good once.
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64url(
            hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        )
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or form.get("redirect_uri") != self.redirect_uri
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {
            "token_type": "Bearer",
            "access_token": f"{CANARY}-access",
            "refresh_token": f"{CANARY}-refresh",
            "id_token": self.token or self.sign(asked["nonce"]),
        }

    def sign(self, nonce: str) -> str:
        return self.keys[-1].sign(
            **{
                "iss": self.url,
                "sub": "ann-1",
                "aud": CLIENT_ID,
                "nonce": nonce,
                "name": "Ann Archer",
                "email": "ann@example.com",
                "groups": ["all", "ops"],
                **self.claims,
            }
        )

    def start(self) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target = urlsplit(self.path)
                outer.requests.append(target.path)
                if target.path == "/authorize":
                    query = {
                        name: values[0]
                        for name, values in parse_qs(target.query).items()
                    }
                    location = outer.consent(query)
                    # A page, as a person would have: what follows comes from
                    # another site, not from the address that was typed.
                    page = f"<script>location = {json.dumps(location)}</script>"
                    self.reply(200, page, "text/html")
                elif target.path == "/jwks":
                    keys = [key.jwk() for key in outer.keys]
                    self.reply(200, json.dumps({"keys": keys}))
                else:
                    self.reply(200, json.dumps(outer.metadata()))

            def do_POST(self) -> None:
                outer.requests.append(self.path)
                size = int(self.headers["content-length"])
                form = {
                    name: values[0]
                    for name, values in parse_qs(
                        self.rfile.read(size).decode()
                    ).items()
                }
                status, answer = outer.exchange(
                    form, self.headers.get("authorization", "")
                )
                self.reply(status, json.dumps(answer))

            def reply(
                self, status: int, text: str, kind: str = "application/json"
            ) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self.port), Handler
        )
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, daemon=True
        ).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def forged(provider: IdentityProvider, algorithm: str, nonce: str) -> str:
    """A token of an algorithm that proves nothing: `none`, or HS256 with the
    public key as its secret."""
    good = provider.sign(nonce).split(".")
    header = {"alg": algorithm, "kid": provider.keys[-1].name}
    data = f"{base64url(json.dumps(header).encode())}.{good[1]}"
    if algorithm == "none":
        return f"{data}."
    secret = json.dumps(provider.keys[-1].jwk()).encode()
    return f"{data}.{base64url(hmac.digest(secret, data.encode(), 'sha256'))}"

