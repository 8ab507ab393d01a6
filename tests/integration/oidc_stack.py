"""A server whose portal has an identity provider, and a browser to sign in
with."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from integration.harness import IntegrationStack, Reply
from integration.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityProvider,
)
from integration.issuer import SigningKey

_LIST = "/valetkey.v1.ApplicationService/ListApplications"


def rule(
    group: str = "ops", application: str = "applications/system"
) -> str:
    return (
        'rules { name: "operators" jwt { issuer: "ops" subject: "**" '
        f'claims {{ key: "groups" value: "{group}" }} }} '
        f'grant {{ application: "{application}" '
        "rights: RIGHT_ADMINISTER rights: RIGHT_READ_METADATA } }\n"
    )


class OidcStack(IntegrationStack):
    """A stack whose portal has an identity provider."""

    def __init__(self) -> None:
        super().__init__(access_ttl=3600)
        self.provider = IdentityProvider(SigningKey(self.folder, "one"))
        self.policy = self.folder / "callers.textproto"
        self.write(rule())
        secret = self.folder / "client.secret"
        secret.write_text(f"{CLIENT_SECRET}\n")
        self.flags = (
            f"--caller_policy={self.policy}",
            f"--portal_oidc_issuer={self.provider.url}",
            f"--portal_oidc_client_id={CLIENT_ID}",
            f"--portal_oidc_client_secret_file={secret}",
        )

    def write(self, rules: str) -> None:
        draft = self.policy.with_suffix(".new")
        draft.write_text(
            f'issuers {{ name: "ops" issuer: "{self.provider.url}" '
            f'audiences: "{CLIENT_ID}" discovery: true }}\n{rules}'
        )
        draft.replace(self.policy)

    def start_server(self, *arguments: Any, **options: Any) -> None:
        super().start_server(*arguments, **options)
        self.provider.redirect_uri = f"{self.http}/portal/oidc/callback"

    def stop(self) -> None:
        self.provider.stop()
        super().stop()


class Browser:
    """A jar of cookies, and what a browser says of where a request is from."""

    def __init__(self, stack: OidcStack) -> None:
        self.stack = stack
        self.jar: dict[str, str] = {}

    def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        site: str = "same-origin",
    ) -> Reply:
        sent = {"sec-fetch-site": site}
        if body is not None:
            body = json.dumps(body)
            sent["content-type"] = "application/json"
        if self.jar:
            pairs = [f"{name}={value}" for name, value in self.jar.items()]
            sent["cookie"] = "; ".join(pairs)
        parts = urlsplit(urljoin(self.stack.http, target))
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=30
        )
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            for name, value in response.getheaders():
                if name.lower() == "set-cookie":
                    self.keep(value)
            names = {n.lower(): v for n, v in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()

    def keep(self, cookie: str) -> None:
        name, value = cookie.split(";")[0].split("=", 1)
        if "max-age=0" in cookie.lower():
            self.jar.pop(name, None)
        else:
            self.jar[name] = value

    def begin(self, place: str = "/") -> dict[str, str]:
        """What the provider is asked."""
        start = self.ask(
            "GET", f"/portal/oidc/start?{urlencode({'return_to': place})}"
        )
        if start.status != 302:
            raise AssertionError(f"start: {start.status} {start.body!r}")
        query = urlsplit(start.headers["location"]).query
        return {name: values[0] for name, values in parse_qs(query).items()}

    def come_back(self, location: str) -> Reply:
        return self.ask("GET", location, site="cross-site")

    def sign_in(self, place: str = "/") -> Reply:
        asked = self.begin(place)
        return self.come_back(self.stack.provider.consent(asked))

    def list(self) -> Reply:
        return self.ask("POST", _LIST, {})
