"""The token endpoint: POST /v5/oauth/token."""

from __future__ import annotations

import base64
import hashlib

from pinterest_emulator import answers, scopes
from pinterest_emulator.calls import Call
from pinterest_emulator.clients import authenticate
from pinterest_emulator.http1 import Response
from pinterest_emulator.ledger import ACCEPTED, CODE, REJECTED, Ledger
from pinterest_emulator.state import REFRESH, App, Code, Pair, State, Token


class TokenEndpoint:
    def __init__(self, state: State, ledger: Ledger) -> None:
        self._state = state
        self._ledger = ledger

    def answer(self, call: Call) -> Response:
        """Processes one request to its end, without a pause: whatever becomes
        of the answer, a rotation has happened wholly or not at all."""
        if not call.is_form:
            return answers.invalid_parameters(
                "The body must be application/x-www-form-urlencoded."
            )
        app = authenticate(call, self._state, self._ledger)
        if app is None:
            return answers.authentication_failed()
        if call.repeated is not None:
            return answers.invalid_parameters(
                f"Repeated parameter: {call.repeated}"
            )
        if call.grant_type == "authorization_code":
            return self._exchange(call, app)
        if call.grant_type == "refresh_token":
            return self._refresh(call, app)
        if call.grant_type == "client_credentials":
            return self._client_credentials(call, app)
        return answers.invalid_parameters("Invalid parameter: grant_type")

    # The authorization code grant, RFC 6749 section 4.1.3.

    def _exchange(self, call: Call, app: App) -> Response:
        for name in ("code", "redirect_uri"):
            if not call.parameter(name):
                return answers.invalid_parameters(f"Missing parameter: {name}")
        value = call.parameter("code")
        code = self._state.codes.get(value)
        reason = self._why_not_exchanged(call, app, code)
        self._ledger.presented(
            CODE,
            value,
            call.endpoint,
            REJECTED if reason else ACCEPTED,
            reason or "ok",
            client_id=app.client_id,
            login=code.login if code else None,
        )
        if code is None or reason is not None:
            return answers.authentication_failed()
        code.spent = True
        grant = self._state.new_grant(
            app.client_id,
            code.login,
            call.sandbox,
            "authorization_code",
            code.scopes,
        )
        continuous = call.parameter("continuous_refresh")
        grant.continuous_refresh = continuous == "true"
        grant.pkce_verified = bool(
            self._state.config.pkce != "ignore"
            and code.challenge
            and call.parameter("code_verifier")
        )
        pair = self._state.issue(grant, code.scopes, with_refresh=True)
        self._record(pair)
        return self._token_answer("authorization_code", pair)

    def _why_not_exchanged(
        self, call: Call, app: App, code: Code | None
    ) -> str | None:
        """A code survives a request that has no right to it, so that only its
        owner can spend it."""
        if code is None:
            return "unknown"
        if code.client_id != app.client_id:
            return "wrong_client"
        if code.spent:
            return "spent"
        if self._state.clock.now() >= code.expires_at:
            return "expired"
        if code.redirect_uri != call.parameter("redirect_uri"):
            return "wrong_redirect_uri"
        return self._why_not_proven(code, call.parameter("code_verifier"))

    def _why_not_proven(self, code: Code, verifier: str) -> str | None:
        """PKCE, RFC 7636 section 4.6, as far as the mode asks for it."""
        mode = self._state.config.pkce
        if mode == "ignore":
            return None
        if not verifier:
            return "missing_verifier" if mode == "enforce" else None
        if code.challenge is None:
            return "missing_challenge" if mode == "enforce" else None
        proof = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        return None if challenge == code.challenge else "wrong_verifier"

    # Refreshing, RFC 6749 section 6.

    def _refresh(self, call: Call, app: App) -> Response:
        value = call.parameter("refresh_token")
        if not value:
            return answers.invalid_parameters(
                "Missing parameter: refresh_token"
            )
        token = self._state.tokens.get(value)
        reason = self._why_not_refreshed(call, app, token)
        if token is None or reason is not None:
            self._presented(call, value, REJECTED, reason or "unknown", token)
            return answers.authentication_failed()
        if token.spent_at is not None:
            return self._refresh_again(call, token, token.spent_at)
        wanted = scopes.split(call.parameter("scope")) or token.grant.scopes
        if not set(wanted) <= set(token.grant.scopes):
            self._presented(call, value, REJECTED, "scope", token)
            return answers.invalid_parameters("Invalid parameter: scope")
        self._presented(call, value, ACCEPTED, "ok", token)
        rotate = not self._state.config.legacy_shape
        pair = self._state.issue(token.grant, wanted, with_refresh=rotate)
        if rotate:
            token.spent_at, token.successor = self._state.clock.now(), pair
        self._ledger.refreshed(token.grant)
        self._record(pair)
        return self._token_answer("refresh_token", pair)

    def _why_not_refreshed(
        self, call: Call, app: App, token: Token | None
    ) -> str | None:
        if token is None:
            return "unknown"
        if token.kind != REFRESH:
            return "wrong_kind"
        if token.grant.client_id != app.client_id:
            return "wrong_client"
        if token.grant.sandbox != call.sandbox:
            return "wrong_environment"
        return token.why_dead(self._state.clock.now())

    def _refresh_again(
        self, call: Call, token: Token, spent_at: float
    ) -> Response:
        """A refresh token that was exchanged before. What Pinterest does is
        not documented, so each known policy can be chosen."""
        config = self._state.config
        now = self._state.clock.now()
        if config.reuse == "revoke_family":
            reason = "reuse_revoked_family"
            self._presented(call, token.value, REJECTED, reason, token)
            token.grant.kill("reuse_detected", now)
            return answers.authentication_failed()
        pair = token.successor
        # Only while the successor is unused: handing out a pair that has been
        # replaced itself would help nobody.
        if (
            config.reuse == "grace"
            and now < spent_at + config.reuse_grace
            and pair is not None
            and pair.refresh is token.grant.refresh
        ):
            self._presented(call, token.value, ACCEPTED, "reuse_grace", token)
            return self._token_answer("refresh_token", pair)
        self._presented(call, token.value, REJECTED, "reuse", token)
        return answers.authentication_failed()

    # The client credentials grant, RFC 6749 section 4.4.

    def _client_credentials(self, call: Call, app: App) -> Response:
        wanted = scopes.split(call.parameter("scope"))
        if not wanted or not set(wanted) <= scopes.SCOPES.keys():
            return answers.invalid_parameters("Invalid parameter: scope")
        grant = self._state.new_grant(
            app.client_id, app.owner, call.sandbox, "client_credentials", wanted
        )
        pair = self._state.issue(grant, wanted, with_refresh=False)
        self._record(pair)
        return self._token_answer("client_credentials", pair)

    def _presented(
        self,
        call: Call,
        value: str,
        verdict: str,
        reason: str,
        token: Token | None,
    ) -> None:
        self._ledger.presented(
            REFRESH,
            value,
            call.endpoint,
            verdict,
            reason,
            client_id=call.client_id,
            token=token,
        )

    def _record(self, pair: Pair) -> None:
        self._ledger.issued_token(pair.access)
        if pair.refresh is not None:
            self._ledger.issued_token(pair.refresh)

    def _token_answer(self, response_type: str, pair: Pair) -> Response:
        """Schemas `OauthAccessTokenResponse...` of the API description."""
        config = self._state.config
        now = self._state.clock.now()
        access, refresh = pair.access, pair.refresh
        body: dict[str, str | int] = {"access_token": access.value}
        if refresh is not None:
            body["refresh_token"] = refresh.value
        body["response_type"] = response_type
        body["token_type"] = "bearer"
        if config.include_expires_in:
            seconds = max(0, round(access.expires_at - now))
            as_string = config.expires_in_as_string
            body["expires_in"] = str(seconds) if as_string else seconds
        if refresh is not None and config.include_refresh_expiry:
            seconds = max(0, round(refresh.expires_at - now))
            body["refresh_token_expires_in"] = seconds
            if not config.legacy_shape:
                body["refresh_token_expires_at"] = int(refresh.expires_at)
        body["scope"] = " ".join(access.scopes)
        return answers.ok(body)
