"""Runs the tests and ends with the line `N passed, N failed, N skipped`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest


class Count:
    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # What fails outside of the test itself has failed too.
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.outcomes["failed"] += 1


if __name__ == "__main__":
    count = Count()
    root = Path(__file__).resolve().parent.parent
    code = pytest.main([f"--rootdir={root}", *sys.argv[1:]], plugins=[count])
    found = count.outcomes
    print(
        f"{found['passed']} passed, {found['failed']} failed, "
        f"{found['skipped']} skipped",
        flush=True,
    )
    sys.exit(code)
