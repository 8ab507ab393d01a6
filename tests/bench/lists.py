"""How long lists, searches and counts take among many connections, as the
portal asks for them: by HTTP, 50 to a page.

    python3 tests/bench/lists.py [--connections 100000] [--store sqlite,postgres]

Needs a release build, and for PostgreSQL one on this machine. One connection
is real; the others are copies of its row under other names and words, each with
five events. Times are to be held against the first line: one connection by its
name.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos.fleet import Fleet  # noqa: E402
from integration.harness import (  # noqa: E402
    APPLICATION,
    PROVIDER,
    Caller,
    IntegrationStack,
)

# {n} is the number of a copy; one in a thousand needs new consent, one in two
# thousand fails. What differs between the databases is left to them.
_CONNECTIONS = """
INSERT INTO connections (name, revision, application, provider, subject, state,
                         due_time, record, ailing)
SELECT {prefix} || {n}, c.revision, c.application, c.provider, {subject},
       CASE WHEN i % 1000 = 7 THEN 2 ELSE 1 END, c.due_time + 1000000000000,
       c.record, CASE WHEN i % 2000 = 9 THEN 1 ELSE 0 END
FROM connections c, {numbers} WHERE c.name = '{name}'
"""
_WORDS = """
INSERT INTO connection_words (connection, words)
SELECT {prefix} || {n}, {words} FROM {numbers}
"""
_EVENTS = """
INSERT INTO events (application, time, {more} record, connection)
SELECT e.application, e.time, {more_values} e.record,
       {prefix} || {n}
FROM events e, {numbers}, {five}
WHERE e.connection = '{name}' AND {one}
"""


def fill_sqlite(path: Path, name: str, count: int) -> None:
    prefix = name.rsplit("/", 1)[0] + "/copy-"
    numbers = (
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {count}) SELECT i FROM n)"
    )
    parts = {
        "prefix": f"'{prefix}'",
        "name": name,
        "numbers": numbers,
        "n": "printf('%08d', i)",
        "subject": "'user-' || (i * 7919 % 1000003)",
        "words": "CAST('copy-' || printf('%08d', i) || char(10) || 'user-' || "
        "(i * 7919 % 1000003) || char(10) || 'pinner ' || i || char(10) || "
        "CASE WHEN i % 500 = 3 THEN 'red' ELSE 'blue' END AS BLOB)",
        "five": "(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL "
        "SELECT 4 UNION ALL SELECT 5)",
        "more": "",
        "more_values": "",
        "one": "e.sequence = (SELECT min(sequence) FROM events)",
    }
    with sqlite3.connect(path) as database:
        for statement in (_CONNECTIONS, _WORDS, _EVENTS):
            database.execute(statement.format(**parts))


def fill_postgres(query: Callable[[str], str], name: str, count: int) -> None:
    prefix = name.rsplit("/", 1)[0] + "/copy-"
    parts = {
        "prefix": f"'{prefix}'",
        "name": name,
        "numbers": f"generate_series(1, {count}) i",
        "n": "lpad(i::text, 8, '0')",
        "subject": "('user-' || (i::bigint * 7919 % 1000003))::bytea",
        "words": "('copy-' || lpad(i::text, 8, '0') || chr(10) || 'user-' || "
        "(i::bigint * 7919 % 1000003) || chr(10) || 'pinner ' || i || chr(10) "
        "|| CASE WHEN i % 500 = 3 THEN 'red' ELSE 'blue' END)::bytea",
        "five": "generate_series(1, 5) j",
        "more": "sequence, published,",
        "more_values": f"e.sequence + (i - 1) * 5 + j + {count}, true,",
        "one": "e.sequence = (SELECT min(sequence) FROM events)",
    }
    for statement in (_CONNECTIONS, _WORDS, _EVENTS):
        query(statement.format(**parts))
    query("UPDATE outbox SET newest = (SELECT max(sequence) FROM events)")
    query("VACUUM ANALYZE")


def asked(name: str, last: str) -> list[tuple[str, str, dict[str, Any]]]:
    parent = {"parent": APPLICATION}
    page = {**parent, "pageSize": 50}
    lists = "ConnectionService/ListConnections"
    events = "EventService/ListEvents"
    copy = name.rsplit("/", 1)[0] + "/copy-00000042"
    return [
        ("one by its name", "ConnectionService/GetConnection", {"name": copy}),
        ("the first page", lists, page),
        ("a page in the middle", lists, {**page, "pageToken": last}),
        ("of one provider", lists, {**page, "provider": PROVIDER}),
        ("search that all fit", lists, {**page, "query": "user"}),
        ("search that 1 in 500 fit", lists, {**page, "query": "pinner red"}),
        ("search that one fits", lists, {**page, "query": "copy-00099999"}),
        ("search that none fits", lists, {**page, "query": "nobody"}),
        ("needs attention", lists, {**page, "needsAttention": True}),
        ("waits for consent", lists, {**page, "state": 2}),
        ("counts", "ConnectionService/CountConnections", parent),
        ("the newest events", events, page),
        ("events of one", events, {**page, "connection": copy}),
        (
            "events of a rare type",
            events,
            {**page, "types": ["EVENT_TYPE_REVOKED"]},
        ),
    ]


def measure(caller: Caller, name: str, runs: int) -> list[list[str]]:
    token = ""
    page: dict[str, Any] = {"parent": APPLICATION, "pageSize": 1000}
    for _ in range(30):
        reply = caller.call(
            "ConnectionService/ListConnections", {**page, "pageToken": token}
        )
        assert reply.ok, reply.body
        token = reply.json()["nextPageToken"] or token
    rows = []
    for what, method, request in asked(name, token):
        times = []
        for run in range(runs + 1):
            start = time.perf_counter()
            reply = caller.call(method, request)
            if run:
                times.append((time.perf_counter() - start) * 1000)
            assert reply.ok, reply.body
        answer = reply.json()
        found = answer.get("connections", answer.get("events", []))
        rows.append(
            [
                what,
                str(len(found)),
                f"{statistics.median(times):.1f} ms",
                f"{max(times):.1f} ms",
            ]
        )
    return rows


def print_table(store: str, rows: list[list[str]]) -> None:
    print(f"\n{store}: what is asked | answers | median | worst")
    for row in rows:
        print(" | ".join(row), flush=True)


def on_sqlite(count: int, runs: int) -> None:
    with IntegrationStack(access_ttl=86_400) as stack:
        stack.set_up()
        name = stack.connect_fast("ann")
        stack.stop_server()
        fill_sqlite(next(stack.data.glob("*.db")), name, count)
        stack.start_server()
        with stack.caller() as caller:
            print_table("SQLite", measure(caller, name, runs))


def on_postgres(count: int, runs: int) -> None:
    with Fleet(replicas=1, redis=False) as fleet:
        name = fleet.connect_fast("ann")
        fill_postgres(fleet.postgres.query, name, count)
        with fleet.replicas[0].caller() as caller:
            print_table("PostgreSQL", measure(caller, name, runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--store", default="sqlite,postgres")
    parser.add_argument("--runs", type=int, default=21)
    arguments = parser.parse_args()
    for store in arguments.store.split(","):
        measured = {"sqlite": on_sqlite, "postgres": on_postgres}[store]
        measured(arguments.connections, arguments.runs)


if __name__ == "__main__":
    main()
