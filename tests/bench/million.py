"""What a server costs with many connections in PostgreSQL: starting, the
scheduler's looks, memory.

    python3 tests/bench/million.py [--connections 10000,100000,1000000]

Needs a release build and a PostgreSQL on this machine. One connection is real;
the others are copies of its row under other names, not due, whose tokens do
not open: what is measured never opens them.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos.fleet import Fleet, Replica  # noqa: E402

_COPY = """
INSERT INTO connections (name, revision, application, provider, subject, state,
                         due_time, record)
SELECT regexp_replace(c.name, '[^/]*$', 'copy-' || lpad(i::text, 8, '0')),
       c.revision, c.application, c.provider, c.subject, c.state,
       (extract(epoch FROM now()) + 86400 + random() * 86400)::bigint * 1000000,
       c.record
FROM connections c, generate_series({first}, {last}) i
WHERE c.name = '{name}'
"""

# The scheduler's statement, as far as its cost goes.
_DUE = """
EXPLAIN (ANALYZE, BUFFERS) SELECT name FROM connections
WHERE due_time <= (extract(epoch FROM now())::bigint * 1000000)
ORDER BY due_time, name LIMIT 256 FOR UPDATE SKIP LOCKED
"""


def resident(replica: Replica) -> float:
    """MiB."""
    assert replica.server is not None
    status = Path(f"/proc/{replica.server.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def measure(fleet: Fleet, name: str, due: int) -> list[str]:
    replica = fleet.replicas[0]
    postgres = fleet.postgres
    replica.stop_server()
    start = time.monotonic()
    replica.start_server()
    assert replica.get_token(name).ok
    served = time.monotonic() - start
    replica.stop_server()
    times = {}
    for wanted in (0, due):
        if wanted:
            postgres.query(
                "UPDATE connections SET due_time = 1 WHERE name IN (SELECT "
                f"name FROM connections WHERE name LIKE '%copy-%' LIMIT {wanted})"
            )
        plan = [postgres.query(_DUE) for _ in range(5)][-1]
        found = re.search(r"Execution Time: ([\d.]+) ms", plan)
        assert found and "Index" in plan, plan
        times[wanted] = float(found[1])
    postgres.query(
        "UPDATE connections SET due_time = (extract(epoch FROM now()) + 86400)"
        "::bigint * 1000000 WHERE due_time = 1"
    )
    replica.start_server()
    time.sleep(3)
    memory = resident(replica)
    return [
        f"{served:.2f} s",
        f"{times[0]:.2f} ms",
        f"{times[due]:.2f} ms",
        f"{memory:.0f} MiB",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", default="10000,100000,1000000")
    parser.add_argument("--due", type=int, default=200)
    arguments = parser.parse_args()
    heads = ["connections", "start to first token", "look, none due"]
    heads += [f"look, {arguments.due} due", "resident"]
    print(" | ".join(heads), flush=True)
    with Fleet(replicas=1, redis=False) as fleet:
        name = fleet.connect_fast("ann")
        there = 0
        for count in map(int, arguments.connections.split(",")):
            fleet.postgres.query(
                _COPY.format(first=there + 1, last=count, name=name)
            )
            there = count
            fleet.postgres.query("VACUUM ANALYZE connections")
            row = measure(fleet, name, arguments.due)
            print(" | ".join([f"{count:,}", *row]), flush=True)


if __name__ == "__main__":
    main()
