"""Checked reading of JSON objects sent to the control interface.

A mistyped switch in a test must fail loudly: a fault that never fires because
its name was misspelt makes the test pass for the wrong reason. So every field
is checked and an unknown one is an error that names it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

REQUIRED: Final[Any] = object()
"""As a default: the field has to be there."""


class FieldError(ValueError):
    """A field is missing, unknown or has a bad value."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class Fields:
    """The fields of one JSON object.

    Each reader takes the field's name and its default, returns the checked
    value and marks the field as known; `finish` refuses what nobody read. A
    field that is present with null has the value None only where the default
    is None.
    """

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict):
            raise FieldError("body", "must be a JSON object")
        self._body: Mapping[str, Any] = body
        self._known: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self._body

    def finish(self) -> None:
        for name in self._body:
            if name not in self._known:
                raise FieldError(name, "unknown field")

    def text(
        self,
        name: str,
        default: Any = REQUIRED,
        choices: Collection[str] | None = None,
        pattern: str | None = None,
    ) -> Any:
        value = self._take(name, default, (str,), "a string")
        if not isinstance(value, str) or not self.has(name):
            return value
        if choices is not None and value not in choices:
            raise FieldError(name, "must be one of " + ", ".join(choices))
        if pattern is not None and not re.fullmatch(pattern, value):
            raise FieldError(name, f"must match {pattern}")
        return value

    def integer(
        self,
        name: str,
        default: Any = REQUIRED,
        minimum: int = 0,
        maximum: int | None = None,
    ) -> Any:
        value = self._take(name, default, (int,), "an integer")
        return self._bounded(name, value, minimum, maximum)

    def number(
        self,
        name: str,
        default: Any = REQUIRED,
        minimum: float = 0.0,
        maximum: float | None = None,
    ) -> Any:
        value = self._take(name, default, (int, float), "a number")
        return self._bounded(name, value, minimum, maximum)

    def boolean(self, name: str, default: Any = REQUIRED) -> Any:
        return self._take(name, default, (bool,), "true or false")

    def texts(self, name: str, default: Any = REQUIRED) -> Any:
        value = self._take(name, default, (list,), "a list of strings")
        if not self.has(name):
            return value
        if not value or not all(isinstance(v, str) and v for v in value):
            raise FieldError(name, "must be a list of non-empty strings")
        return tuple(value)

    def _take(
        self, name: str, default: Any, kinds: tuple[type, ...], expected: str
    ) -> Any:
        self._known.add(name)
        if name not in self._body:
            if default is REQUIRED:
                raise FieldError(name, "is required")
            return default
        value = self._body[name]
        if value is None and default is None:
            return None
        # bool is a subclass of int, but `"access_ttl": true` is a mistake.
        if not isinstance(value, kinds) or (
            isinstance(value, bool) and bool not in kinds
        ):
            raise FieldError(name, f"must be {expected}")
        return value

    def _bounded(
        self, name: str, value: Any, minimum: float, maximum: float | None
    ) -> Any:
        if value is None or not self.has(name):
            return value
        # Written so that NaN, which Python's JSON reader lets in, fails too.
        if not value >= minimum:
            raise FieldError(name, f"must be at least {minimum}")
        if maximum is not None and not value <= maximum:
            raise FieldError(name, f"must be at most {maximum}")
        return value
