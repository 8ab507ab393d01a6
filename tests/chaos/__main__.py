"""Runs all of chaos, what mostly waits side by side.

    PYTHONPATH=tests python3 -m chaos

What measures times or loads the machine has it to itself. The last line
counts the tests.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# One group after another; in a group, lists side by side.
_GROUPS = (
    (("test_judge", "test_fleet.Together", "test_fleet.TogetherWithoutRedis"),
     ("test_move", "test_upgrade")),
    (("test_storm",),),
    (
        ("test_faults",),
        ("test_fleet.Members", "test_partitions", "test_outage"),
    ),
)


def _start(names: tuple[str, ...], results: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, _HERE.parent / "report.py"]
        + ["unittest", results, _HERE, *names]
    )


def _counts(results: Path) -> tuple[int, int, int]:
    """Of a list that ended by itself; without results it failed."""
    try:
        _, *counts = results.read_text().split("\t")
        passed, failed, skipped = map(int, counts)
    except (OSError, ValueError):
        return 0, 1, 0
    return passed, failed, skipped


def main() -> int:
    start = time.monotonic()
    total = [0, 0, 0]
    with tempfile.TemporaryDirectory() as folder:
        for group in _GROUPS:
            running = []
            for number, names in enumerate(group):
                results = Path(folder, f"{group[0][0]}-{number}")
                running.append((_start(names, results), results))
            for process, results in running:
                process.wait()
                for i, count in enumerate(_counts(results)):
                    total[i] += count
    passed, failed, skipped = total
    print(f"chaos: {'FAILED' if failed else 'passed'} in "
          f"{time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
