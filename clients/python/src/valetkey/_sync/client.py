"""The blocking client."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping, Sequence
from random import random
from types import TracebackType
from typing import TYPE_CHECKING

from valetkey import _calls, v1
from valetkey._config import PathLike, make_config
from valetkey._core.hub import Hubs
from valetkey._core.resume import Resume
from valetkey._core.source import SourceState
from valetkey._sync.admin import AdminCalls
from valetkey._sync.runtime import ThreadRuntime
from valetkey._sync.source import TokenSource
from valetkey._sync.watch import Watch
from valetkey._token import Token

if TYPE_CHECKING:
    from typing_extensions import Self


class Client(AdminCalls):
    """Calls ValetKey, with deadlines, retries and typed errors.

    Opens its channel at the first call. Thread-safe. After a fork, each process
    needs a client of its own, unless the parent's was not used yet.

    Names of connections, providers and keys may be short where the application
    is known: `c-7` for `applications/shop/connections/c-7`; or `shop/c-7`.

    Every call takes a `timeout` in seconds, for all its tries and the waits
    between; the client's own by default. Every call raises `Error` if it fails,
    and `ConfigError` for a name that is none.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        application: str | None = None,
        tls_ca: PathLike | None = None,
        tls_cert: PathLike | None = None,
        tls_key: PathLike | None = None,
        server_name: str | None = None,
        insecure_plaintext: bool = False,
        timeout: float | None = None,
    ) -> None:
        """What is not given comes from the environment, or is the default.

        Args:
            address: `host:port`, `unix:/path`, `https://host:port` or
                `http://host:port`. `VALETKEY_ADDRESS`; 127.0.0.1:8800.
            api_key: `VALETKEY_API_KEY`, or the file that
                `VALETKEY_API_KEY_FILE` names. Empty for none.
            application: such as `shop`. `VALETKEY_APPLICATION`.
            tls_ca: a PEM file of authorities, or `system`; asks for TLS.
                `VALETKEY_TLS_CA`.
            tls_cert: the client's certificate, a PEM file. `VALETKEY_TLS_CERT`.
            tls_key: its key, a PEM file. `VALETKEY_TLS_KEY`.
            server_name: the name that the server's certificate must have; the
                address's host by default.
            insecure_plaintext: lets plain text go to another host.
            timeout: seconds for a call with its retries; 30.

        Raises:
            ConfigError: an option is no good, or plain text would go over a
                network.
        """
        config = make_config(
            address,
            api_key=api_key,
            application=application,
            tls_ca=tls_ca,
            tls_cert=tls_cert,
            tls_key=tls_key,
            server_name=server_name,
            insecure_plaintext=insecure_plaintext,
            timeout=timeout,
        )
        super().__init__(config, time)
        self._runtime = ThreadRuntime(self._stubs, self._clock)
        self._hubs = Hubs(self._runtime)
        self._sources: weakref.WeakSet[SourceState] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"Client({self._config.address.target!r})"

    # -------------------------------------------------------------- tokens

    def token_source(
        self,
        name: str,
        *,
        token: str = "",
        required_scopes: Sequence[str] = (),
    ) -> TokenSource:
        """A connection's token, kept fresh. Opens nothing, waits for nothing.

        Args:
            name: the connection.
            token: which of its tokens; empty for the main one.
            required_scopes: without one of them, `ScopeNotGranted` is raised.
        """
        state = SourceState(
            self._runtime,
            self._hubs,
            name=self._names.connection(name),
            token=token,
            required_scopes=required_scopes,
            timeout=self._config.timeout,
        )
        with self._runtime.lock:
            self._sources.add(state)
            if self._closing.is_set():
                state.close()
        return TokenSource(
            state, self._runtime, self._stubs, self._config.timeout
        )

    def authorize(
        self,
        provider: str | v1.AuthorizeRequest,
        *,
        subject: str = "",
        scopes: Sequence[str] = (),
        connection: str = "",
        return_uri: str = "",
        extra_parameters: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> v1.AuthorizeResponse:
        """Begins consent: returns the URI to send a person to.

        Args:
            provider: its name; or a whole request, such as that of
                `ReauthorizationRequired.authorize_request()`, to which the
                other arguments are added.
            subject: your own id of the person. Required for a new connection.
            scopes: empty for the provider's configured set.
            connection: an existing one, to consent anew.
            return_uri: where the browser goes after ValetKey's callback; one of
                the application's registered return URIs.
            extra_parameters: of the authorization URI, such as `login_hint`.
            labels: of the new connection.
            inputs: what the provider's catalog entry asks the person for.
            timeout: in seconds.
        """
        call = _calls.authorize(
            self._names,
            provider,
            subject=subject,
            scopes=scopes,
            connection=connection,
            return_uri=return_uri,
            extra_parameters=extra_parameters,
            labels=labels,
            inputs=inputs,
        )
        return self._run(call, timeout)

    def exchange(
        self,
        state: str,
        code: str = "",
        *,
        issuer: str = "",
        error: str = "",
        error_description: str = "",
        callback_parameters: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> v1.ExchangeResponse:
        """Finishes consent with what came back in the redirect's query.

        Repeating it is harmless. Only for a redirect URI of your own:
        ValetKey's callback does this itself.

        Raises:
            ConsentDenied: the person declined.
        """
        call = _calls.exchange(
            state=state,
            code=code,
            issuer=issuer,
            error=error,
            error_description=error_description,
            callback_parameters=callback_parameters,
        )
        return self._run(call, timeout)

    def get_token(
        self,
        name: str,
        *,
        required_scopes: Sequence[str] = (),
        min_lifetime: float = 0.0,
        min_generation: int = 0,
        rejected_generation: int = 0,
        token: str = "",
        timeout: float | None = None,
    ) -> Token:
        """Asks for a token this once; a `TokenSource` keeps one at hand.

        Args:
            name: the connection.
            required_scopes: without one of them, `ScopeNotGranted` is raised.
            min_lifetime: seconds that the token must live at least.
            min_generation: the token must be of this generation or a later one.
            rejected_generation: the provider refused the token of this one.
            token: which of its tokens; empty for the main one.
            timeout: in seconds.
        """
        call = _calls.get_token(
            self._names,
            name,
            required_scopes=required_scopes,
            min_lifetime=min_lifetime,
            min_generation=min_generation,
            rejected_generation=rejected_generation,
            token=token,
        )
        return self._run(call, timeout)

    def refresh(
        self,
        name: str,
        *,
        generation: int = 0,
        token: str = "",
        timeout: float | None = None,
    ) -> Token:
        """Has a new token made now, unless `generation` is past already.

        Without a generation it is not repeated after UNAVAILABLE.
        """
        call = _calls.refresh(
            self._names, name, generation=generation, token=token
        )
        return self._run(call, timeout)

    def revoke(
        self, name: str, *, timeout: float | None = None
    ) -> v1.RevokeResponse:
        """Ends a grant, and says what became of each token. Idempotent."""
        return self._run(_calls.revoke(self._names, name), timeout)

    # -------------------------------------------------------------- events

    def watch(
        self,
        application: str | None = None,
        *,
        cursor: str = "",
        snapshot: bool = False,
        connection: str = "",
        provider: str = "",
        subject: str = "",
        labels: Mapping[str, str] | None = None,
        types: Sequence[v1.EventType.ValueType] = (),
    ) -> Watch:
        """The events of an application; the filters are joined by "and".

        Args:
            application: the client's own by default.
            cursor: resume after this one; empty for from now on.
            snapshot: begin with the connections as they are.
            connection: only of this one.
            provider: only of this one.
            subject: only of this one.
            labels: only with all of these.
            types: only of these; empty for all.
        """
        request = _calls.watch_request(
            self._names,
            application,
            cursor=cursor,
            snapshot=snapshot,
            connection=connection,
            provider=provider,
            subject=subject,
            labels=labels,
            types=types,
        )
        return Watch(self._stubs, Resume(request, random))

    # --------------------------------------------------------------- close

    def close(self) -> None:
        """Closes its sources, its streams and its channel. Idempotent.

        Calls under way fail with CANCELLED. No thread and no socket is left.
        """
        self._closing.set()
        with self._runtime.lock:
            for state in list(self._sources):
                state.close()
        self._runtime.close()
        self._stubs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
