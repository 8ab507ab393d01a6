"""What operators configure: kept by the fake, and used by none of it."""

from __future__ import annotations

import threading
import time
from typing import Any, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from valetkey import v1
from valetkey.testing._gate import Failure
from valetkey.testing._state import check_etag, timestamp

M = TypeVar("M", bound=Message)

_MISSING = {
    v1.Application: "APPLICATION_NOT_FOUND",
    v1.CatalogEntry: "CATALOG_ENTRY_NOT_FOUND",
    v1.Key: "KEY_NOT_FOUND",
    v1.Provider: "PROVIDER_NOT_FOUND",
}


class Resources:
    """Messages by their names. Thread-safe; what it returns is a copy."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._kept: dict[str, Any] = {}

    def missing(self, kind: type[Message]) -> Failure:
        """What is raised where there is none."""
        return Failure(_MISSING[kind])

    def create(self, resource: M) -> M:
        """Raises Failure where the name is taken."""
        made: Any = resource
        with self._lock:
            if made.name in self._kept:
                raise Failure("RESOURCE_EXISTS")
            made.create_time.CopyFrom(timestamp(time.time()))
            self._keep(made)
            return resource

    def get(self, kind: type[M], name: str) -> M:
        """Raises Failure where there is none."""
        with self._lock:
            if name not in self._kept:
                raise self.missing(kind)
            copy = kind()
            copy.CopyFrom(self._kept[name])
            return copy

    def list(self, kind: type[M], parent: str) -> list[M]:
        """Those below a parent, by name; empty for all."""
        with self._lock:
            return [
                self.get(kind, name)
                for name, kept in sorted(self._kept.items())
                if isinstance(kept, kind)
                and (not parent or name.startswith(parent + "/"))
            ]

    def update(self, wanted: M, mask: FieldMask) -> M:
        """Changes the fields of the mask."""
        with self._lock:
            changed: Any = self.get(type(wanted), wanted.name)  # type: ignore[attr-defined]
            check_etag(wanted.etag, changed)  # type: ignore[attr-defined]
            for field in mask.paths:
                changed.ClearField(field)
            mask.MergeMessage(wanted, changed)
            self._keep(changed)
            updated: M = changed
            return updated

    def delete(self, name: str) -> None:
        """Forgets one."""
        with self._lock:
            self._kept.pop(name, None)

    def _keep(self, resource: Any) -> None:
        if hasattr(resource, "etag"):
            resource.etag = str(int(resource.etag or 0) + 1)
        kept = type(resource)()
        kept.CopyFrom(resource)
        self._kept[resource.name] = kept
