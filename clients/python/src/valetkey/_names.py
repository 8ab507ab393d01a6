"""Names, which may be short where the application is known."""

from __future__ import annotations

from dataclasses import dataclass

from valetkey.errors import ConfigError

_PREFIX = "applications/"


@dataclass(frozen=True, slots=True)
class Names:
    """Makes whole names out of short ones.

    Attributes:
        application: the id of the client's application; empty if none is set.
    """

    application: str = ""

    def parent(self, application: str | None = None) -> str:
        """`applications/{a}`, the client's own by default.

        Raises:
            ConfigError: none is given and the client has none.
        """
        name = self.application if application is None else application
        if name.startswith(_PREFIX):
            return name
        if not name:
            raise ConfigError(
                "no application: set it in the client or by "
                "VALETKEY_APPLICATION, or use whole names"
            )
        if "/" in name:
            raise ConfigError(f"no name of an application: {name!r}")
        return _PREFIX + name

    def connection(self, name: str) -> str:
        """`applications/{a}/connections/{c}`."""
        return self._expand(name, "connections")

    def provider(self, name: str) -> str:
        """`applications/{a}/providers/{p}`."""
        return self._expand(name, "providers")

    def key(self, name: str) -> str:
        """`applications/{a}/keys/{k}`."""
        return self._expand(name, "keys")

    def _expand(self, name: str, collection: str) -> str:
        if name.startswith(_PREFIX):
            return name
        application, slash, short = name.rpartition("/")
        if not short or "/" in application or (slash and not application):
            raise ConfigError(f"no name in {collection}: {name!r}")
        parent = self.parent(application if slash else None)
        return f"{parent}/{collection}/{short}"


def parent_of(name: str) -> str:
    """The application of a whole name."""
    return "/".join(name.split("/")[:2])


def catalog_entry(name: str) -> str:
    """`catalog/{id}`."""
    return name if name.startswith("catalog/") else f"catalog/{name}"
