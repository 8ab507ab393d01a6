"""Where a server is, and whether plain text may go there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from valetkey.errors import ConfigError

_EXPECTED = (
    "host:port, unix:/path, https://host:port or http://host:port is expected"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address.

    Attributes:
        target: as gRPC names it.
        host: empty for a Unix socket.
        tls: True and False where the address itself says so, else None.
    """

    target: str
    host: str
    tls: bool | None

    @property
    def is_unix(self) -> bool:
        """Whether it is a Unix socket."""
        return not self.host

    @property
    def is_local(self) -> bool:
        """Whether nothing that is sent there leaves this machine."""
        if self.is_unix or self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """Parses an address.

    Raises:
        ConfigError: it has none of the forms.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if path.startswith("//"):
            path = path.removeprefix("//")
        if not path.startswith("/"):
            raise ConfigError(f"address {text!r}: {_EXPECTED}")
        return Address(target=f"unix:{path}", host="", tls=False)
    tls = None
    rest = text
    for scheme, means in (("https://", True), ("http://", False)):
        if text.startswith(scheme):
            tls, rest = means, text.removeprefix(scheme).removesuffix("/")
    host, port = _split(text, rest)
    shown = f"[{host}]" if ":" in host else host
    return Address(target=f"{shown}:{port}", host=host, tls=tls)


def _split(text: str, rest: str) -> tuple[str, int]:
    host, colon, port = rest.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        bad = ":" not in host
    else:
        bad = any(c in host for c in ":[]")
    bad = bad or any(c in "/@?# \t\n" for c in host)
    if bad or not colon or not host or not port.isascii() or not port.isdigit():
        raise ConfigError(f"address {text!r}: {_EXPECTED}")
    if not 0 < int(port) < 65536:
        raise ConfigError(f"address {text!r}: no such port")
    return host, int(port)
