"""Checks that includes point downward only (docs/architecture.md).

Exits with 1 and a line for each include that does not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What each folder of service/ may include of service/, beside itself. Of
# `store`, `cache` and `events` the broker may include the interfaces.
MAY_INCLUDE = {
    "base": set(),
    "async": {"base"},
    "oauth": {"base"},
    # The loader checks a definition's templates with the code that uses them.
    "catalog": {"oauth", "base"},
    # A policy's file is read as a definition's is.
    "identity": {"catalog", "base"},
    "net/http": {"async", "base"},
    "net/redis": {"async", "base"},
    "net/sql": {"async", "base"},
    "store": {"net/sql", "async", "base"},
    "cache": {"net/redis", "async", "base"},
    "events": {"net/redis", "store", "async", "base"},
    "broker": {
        "oauth",
        "catalog",
        "store",
        "cache",
        "events",
        "net/http",
        "async",
        "base",
    },
    "callers": {
        "identity",
        "broker",
        "store",
        "net/http",
        "async",
        "base",
    },
    "rpc": {
        "callers",
        "broker",
        "oauth",
        "catalog",
        "store",
        "events",
        "net/http",
        "async",
        "base",
    },
    "web": {
        "rpc",
        "callers",
        "identity",
        "broker",
        "catalog",
        "net/http",
        "async",
        "base",
    },
    # Of what ValetKey is, the sidecar knows the C++ client alone.
    "sidecar": {"net/http", "async", "base"},
}

# Libraries, by the beginning of an include, and the folders that may use them.
# A folder that is not named in any list may use whatever is not listed.
LIBRARY_OWNERS = {
    "curl/": {"net/http"},
    "hiredis/": {"net/redis"},
    "sqlite3.h": {"net/sql"},
    "libpq-fe.h": {"net/sql"},
    "grpc/": {"rpc", "sidecar"},
    "grpcpp/": {"rpc", "sidecar"},
    "valetkey/v1/": {"rpc", "web", "sidecar"},
    # A definition is data that the flows read as it is.
    "valetkey/catalog/": {"catalog", "oauth", "broker", "rpc", "web"},
    "boost/beast": {"net/http", "web"},
    "boost/asio": {
        "async",
        "callers",
        "net/http",
        "net/redis",
        "net/sql",
        "store",
        "cache",
        "events",
        "broker",
        "rpc",
        "sidecar",
        "web",
    },
}

# What implements an interface, by the name of its header: only cmd/ may name
# it.
IMPLEMENTATION = re.compile(r"sqlite|postgres|redis|curl")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def folder_of(path: str) -> str | None:
    """The layer that a path below service/ belongs to."""
    for folder in sorted(MAY_INCLUDE, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    return None


def complaint(folder: str, file: Path, include: str) -> str | None:
    if include.startswith("service/"):
        target_path = include.removeprefix("service/")
        if target_path.startswith("cmd/"):
            return "nothing may include cmd/"
        target = folder_of(target_path)
        if target is None or target == folder:
            return None
        # A test may use what stands beside or above, but for the broker's:
        # they show that it needs interfaces alone.
        if is_test(file) and folder != "broker":
            return None
        name = target_path.rsplit("/", 1)[-1]
        if target not in MAY_INCLUDE[folder]:
            return f"{folder} may not include {target}"
        if folder == "broker" and IMPLEMENTATION.search(name):
            return "the broker may include interfaces only"
        return None
    for prefix, owners in LIBRARY_OWNERS.items():
        if include.startswith(prefix) and folder not in owners:
            return f"only {', '.join(sorted(owners))} may include {prefix}"
    return None


def is_test(file: Path) -> bool:
    return file.stem.endswith("_test") or "test" in file.stem.split("_")


def main() -> int:
    complaints = []
    files = 0
    for file in sorted((ROOT / "service").rglob("*")):
        if file.suffix not in (".h", ".cc"):
            continue
        path = file.relative_to(ROOT / "service").as_posix()
        folder = folder_of(path)
        if folder is None:
            continue
        files += 1
        text = file.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            wrong = complaint(folder, file, match[1])
            if wrong is not None:
                complaints.append(
                    f"service/{path}:{number}: includes {match[1]}: {wrong}"
                )
    for line in complaints:
        print(line)
    print(f"{files} files, {len(complaints)} includes that point upward")
    return 1 if complaints or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
