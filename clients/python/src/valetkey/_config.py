"""What a client is made with: given in code, by the environment, or default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from valetkey._address import Address, parse_address
from valetkey._names import Names
from valetkey.errors import ConfigError

_DEFAULT_ADDRESS = "127.0.0.1:8800"
_DEFAULT_TIMEOUT = 30.0
_SYSTEM = "system"

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of a client, complete and checked.

    Attributes:
        address: where the server is.
        api_key: empty for none.
        names: makes whole names out of short ones.
        tls: whether the channel is encrypted.
        authorities: PEM; None for the system's.
        certificate: the client's certificate chain, PEM; None for none.
        private_key: that of the certificate, PEM.
        server_name: the name that the server's certificate must have; empty
            for the address's host.
        timeout: seconds for a call with its retries.
    """

    address: Address
    api_key: str = field(repr=False)
    names: Names
    tls: bool
    authorities: bytes | None = field(repr=False)
    certificate: bytes | None = field(repr=False)
    private_key: bytes | None = field(repr=False)
    server_name: str
    timeout: float

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call. As secret as the key."""
        if not self.api_key:
            return ()
        return (("authorization", f"Bearer {self.api_key}"),)


def make_config(
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
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Resolves the options; `environment` is the process's by default.

    Raises:
        ConfigError: an option is no good, a file cannot be read, or plain text
            would go over a network.
    """
    env = os.environ if environment is None else environment
    parsed = parse_address(
        _DEFAULT_ADDRESS
        if address is None and not env.get("VALETKEY_ADDRESS")
        else env["VALETKEY_ADDRESS"]
        if address is None
        else address
    )
    ca = tls_ca or env.get("VALETKEY_TLS_CA") or None
    cert = tls_cert or env.get("VALETKEY_TLS_CERT") or None
    key = tls_key or env.get("VALETKEY_TLS_KEY") or None
    if (cert is None) != (key is None):
        raise ConfigError(
            "a client certificate needs both tls_cert and tls_key"
        )
    if parsed.tls is None:
        tls = ca is not None or cert is not None
    else:
        tls = parsed.tls
    if not tls and not parsed.is_local and not insecure_plaintext:
        raise ConfigError(
            f"plain text to {parsed.host} would show the API key and tokens to "
            "the network: use TLS (https://, or tls_ca), or allow it with "
            "insecure_plaintext"
        )
    limit = _DEFAULT_TIMEOUT if timeout is None else timeout
    if limit <= 0:
        raise ConfigError(f"the timeout must be above 0, not {limit}")
    return Config(
        address=parsed,
        api_key=_api_key(api_key, env),
        names=Names(_application(application, env)),
        tls=tls,
        authorities=_read("tls_ca", ca) if tls and ca != _SYSTEM else None,
        certificate=_read("tls_cert", cert) if tls else None,
        private_key=_read("tls_key", key) if tls else None,
        server_name=server_name or "",
        timeout=limit,
    )


def _application(given: str | None, env: Mapping[str, str]) -> str:
    name = env.get("VALETKEY_APPLICATION", "") if given is None else given
    short = name.removeprefix("applications/")
    if "/" in short:
        raise ConfigError(f"no name of an application: {name!r}")
    return short


def _api_key(given: str | None, env: Mapping[str, str]) -> str:
    key = env.get("VALETKEY_API_KEY", "") if given is None else given
    if given is None and not key and env.get("VALETKEY_API_KEY_FILE"):
        content = _read("VALETKEY_API_KEY_FILE", env["VALETKEY_API_KEY_FILE"])
        key = (content or b"").decode("ascii", errors="replace")
    key = key.strip()
    # gRPC's own complaint about such a key would show it.
    if not all("!" <= c <= "~" for c in key):
        raise ConfigError("the API key has characters that no key has")
    return key


def _read(what: str, path: PathLike | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as failure:
        raise ConfigError(f"{what}: {failure}") from failure
