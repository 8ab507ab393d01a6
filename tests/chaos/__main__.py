"""Runs all of chaos, what mostly waits side by side.

    PYTHONPATH=tests python3 -m chaos

What measures times or loads the machine has it to itself.
"""

from __future__ import annotations

import subprocess
import sys
import time

# One group after another; in a group, lists side by side.
_GROUPS = (
    (("test_judge", "test_fleet.Together", "test_fleet.TogetherWithoutRedis"),
     ("test_move",)),
    (("test_storm",),),
    (
        ("test_faults",),
        ("test_fleet.Members", "test_partitions", "test_outage"),
    ),
)


def main() -> int:
    start = time.monotonic()
    failed = False
    for group in _GROUPS:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "unittest", "-v"]
                + [f"chaos.{name}" for name in names]
            )
            for names in group
        ]
        for process in running:
            failed |= process.wait() != 0
    took = time.monotonic() - start
    print(f"chaos: {'FAILED' if failed else 'passed'} in {took:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
