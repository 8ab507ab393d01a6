"""Runs Python suites and counts test cases, for ./dev.

    report.py unittest RESULTS FOLDER [MODULE...]
                                             runs its unittests, or those of
                                             these modules
    report.py ctest RESULTS SUITE REPORTS    counts what ctest and GoogleTest
                                             reported
    report.py summary RESULTS [FAILURES]     prints a table, the failures in
                                             short, and the closing line

RESULTS has lines "suite TAB passed TAB failed TAB skipped"; the first two add
one, the third reads them and exits with 1 if a test failed or there was none.
"""

from __future__ import annotations

import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

Counts = tuple[int, int, int]  # passed, failed, skipped


class _CountingResult(unittest.TextTestResult):
    """Counts what passed too. A failing subTest fails its test once."""

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self.broken: set[str] = set()  # tests, and classes not set up
        self.passed = 0

    def addSuccess(self, test) -> None:
        super().addSuccess(test)
        self.passed += 1

    def addExpectedFailure(self, test, err) -> None:
        super().addExpectedFailure(test, err)
        self.passed += 1

    def addSubTest(self, test, subtest, err) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.broken.add(test.id())

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self.broken.add(test.id())

    def addError(self, test, err) -> None:
        super().addError(test, err)
        self.broken.add(test.id())

    def addUnexpectedSuccess(self, test) -> None:
        super().addUnexpectedSuccess(test)
        self.broken.add(test.id())


def run_unittests(folder: Path, modules: list[str]) -> Counts:
    # A folder that is a package is imported by its name from its parent, as
    # its modules import one another.
    top = folder.parent if (folder / "__init__.py").exists() else folder
    sys.path.insert(0, str(top.resolve()))
    loader = unittest.defaultTestLoader
    if modules:
        suite = loader.loadTestsFromNames(
            f"{folder.name}.{module}" for module in modules
        )
    else:
        suite = loader.discover(
            str(folder), pattern="test*.py", top_level_dir=str(top)
        )
    runner = unittest.TextTestRunner(
        stream=sys.stderr, verbosity=1, resultclass=_CountingResult
    )
    result = runner.run(suite)
    return result.passed, len(result.broken), len(result.skipped)


def count_googletest(report: Path) -> Counts:
    root = ElementTree.parse(report).getroot()
    passed = failed = skipped = 0
    for case in root.iter("testcase"):
        if case.find("failure") is not None:
            failed += 1
        elif case.get("status") != "run" or case.get("result") == "skipped":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_ctest(folder: Path) -> Counts:
    """A binary's own report where there is one, else one test for the binary.

    A binary that failed without a failed case (it crashed, leaked or ran out
    of time) is one more failure.
    """
    total = (0, 0, 0)
    for test in ElementTree.parse(folder / "ctest.junit").iter("testcase"):
        status = test.get("status")
        own = folder / f"{test.get('name')}.xml"
        try:
            counts = count_googletest(own)
        except (OSError, ElementTree.ParseError):
            counts = (
                int(status == "run"),
                0,
                int(status in ("notrun", "disabled")),
            )
        if status == "fail" and counts[1] == 0:
            counts = (counts[0], 1, counts[2])
        total = add(total, counts)
    return total


def add(left: Counts, right: Counts) -> Counts:
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]


def print_summary(results: Path, failures: Path | None = None) -> int:
    total: Counts = (0, 0, 0)
    rows = []
    for line in results.read_text(encoding="utf-8").splitlines():
        suite, *numbers = line.split("\t")
        counts = tuple(int(number) for number in numbers)
        rows.append((suite, *counts))
        total = add(total, counts)
    width = max([len(row[0]) for row in rows] + [len("suite")])
    print(f"\n{'suite':<{width}}  passed  failed  skipped")
    for suite, passed, failed, skipped in rows:
        print(f"{suite:<{width}}  {passed:6}  {failed:6}  {skipped:7}")
    if failures is not None and failures.exists():
        print("\n" + failures.read_text(encoding="utf-8").rstrip())
    print(f"\n{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] else 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["unittest", results, folder, *modules]:
            suite, counts = folder, run_unittests(Path(folder), modules)
        case ["ctest", results, suite, reports]:
            counts = count_ctest(Path(reports))
        case ["summary", results]:
            return print_summary(Path(results))
        case ["summary", results, failures]:
            return print_summary(Path(results), Path(failures))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    with Path(results).open("a", encoding="utf-8") as out:
        print(suite, *counts, sep="\t", file=out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
