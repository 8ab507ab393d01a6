"""The fake's TokenService."""

from __future__ import annotations

import itertools

import grpc

from valetkey import v1
from valetkey._names import parent_of
from valetkey.testing._gate import Failure
from valetkey.testing._state import Record, State
from valetkey.v1 import token_service_pb2_grpc


class TokenService(token_service_pb2_grpc.TokenServiceServicer):
    """Gives out the tokens of the state, and renews them as the server does."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._numbers = itertools.count(1)

    def Authorize(
        self, request: v1.AuthorizeRequest, context: grpc.ServicerContext
    ) -> v1.AuthorizeResponse:
        """Any provider will do."""
        if request.connection:
            self._state.find(request.connection)
        elif not request.subject:
            raise Failure("FIELD_INVALID", metadata={"field": "subject"})
        with self._state.changed:
            number = next(self._numbers)
            begun = v1.AuthorizeRequest()
            begun.CopyFrom(request)
            if not begun.connection:
                parent = parent_of(request.provider)
                begun.connection = f"{parent}/connections/new-{number}"
            state = f"state-{number}"
            self._state.pending[state] = begun
        return v1.AuthorizeResponse(
            authorization_uri=f"https://provider.test/authorize?state={state}",
            state=state,
            connection=begun.connection,
        )

    def Exchange(
        self, request: v1.ExchangeRequest, context: grpc.ServicerContext
    ) -> v1.ExchangeResponse:
        """Any code will do; the same state returns the same connection."""
        with self._state.changed:
            begun = self._state.pending.get(request.state)
            if begun is None:
                raise Failure("AUTHORIZATION_STATE_INVALID")
            if request.error:
                raise Failure(
                    "CONSENT_DENIED",
                    metadata={"provider_error": request.error},
                )
            if not request.code:
                raise Failure("FIELD_INVALID", metadata={"field": "code"})
            record = self._state.connections.get(begun.connection)
            # The first time; later ones find the provider cleared.
            if record is None or begun.provider:
                self._state.set_token(
                    begun.connection,
                    None,
                    expires_in=3600.0,
                    refresh_in=None,
                    scopes=begun.scopes,
                    token_type="bearer",
                    provider=begun.provider,
                    subject=begun.subject,
                    labels=begun.labels,
                )
                begun.provider = ""
            connection = self._state.find(begun.connection).connection
            return v1.ExchangeResponse(
                connection=connection.name,
                scopes=connection.scopes,
                generation=connection.generation,
            )

    def GetToken(
        self, request: v1.GetTokenRequest, context: grpc.ServicerContext
    ) -> v1.GetTokenResponse:
        """Renews the token where the server would."""
        with self._state.changed:
            record = self._find(request.name, request.token)
            generation = record.connection.generation
            for field in ("min_generation", "rejected_generation"):
                if getattr(request, field) > generation:
                    raise Failure("FIELD_INVALID", metadata={"field": field})
            missing = set(request.required_scopes) - set(record.token.scopes)
            if missing:
                scopes = " ".join(sorted(missing))
                raise Failure(
                    "SCOPE_NOT_GRANTED", metadata={"missing_scopes": scopes}
                )
            needed = request.min_lifetime.ToNanoseconds() / 1e9
            if record.lifetime is not None and max(record.lifetime, 0) < needed:
                raise Failure(
                    "MIN_LIFETIME_UNAVAILABLE",
                    metadata={"lifetime": f"{record.lifetime:.0f}s"},
                )
            if request.rejected_generation == generation or not record.lives(
                needed
            ):
                self._state.renew(request.name)
            return v1.GetTokenResponse(token=record.token)

    def Refresh(
        self, request: v1.RefreshRequest, context: grpc.ServicerContext
    ) -> v1.RefreshResponse:
        """Renews it unless the caller's generation is past."""
        with self._state.changed:
            record = self._find(request.name, request.token)
            if request.generation in (0, record.connection.generation):
                self._state.renew(request.name)
            return v1.RefreshResponse(token=record.token)

    def Revoke(
        self, request: v1.RevokeRequest, context: grpc.ServicerContext
    ) -> v1.RevokeResponse:
        """The provider confirms it."""
        self._state.end(request.name, revoked=True)
        return v1.RevokeResponse(
            copy_destroyed=True,
            tokens=[
                v1.TokenRevocation(
                    kind=v1.TokenKind.TOKEN_KIND_ACCESS_TOKEN,
                    result=v1.RevocationResult.REVOCATION_RESULT_REVOKED,
                )
            ],
        )

    def _find(self, name: str, token: str) -> Record:
        record = self._state.usable(name)
        if token:
            raise Failure(
                "TOKEN_NOT_FOUND",
                metadata={"token": token, "tokens": "default"},
            )
        return record
