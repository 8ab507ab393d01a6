"""Runs the scenarios by the libraries: python3 tests/conformance [LANGUAGE ...]

    --list             names the scenarios
    --only NAME[,..]   runs these alone
    --results FILE     adds a line for each library, for ./dev's summary
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from conformance.certificates import make_certificates
from conformance.driver import CLIENTS, Driver
from conformance.engine import Engine, Unmet
from conformance.matching import substitute
from integration.harness import IntegrationStack, missing

LANGUAGES = ("cpp", "python", "go", "java", "typescript")
ACCESS_TTL = 60  # seconds; a scenario's "emulator" may say otherwise
FAILED = 3  # the exit code where scenarios failed, and were counted


def load(only: list[str]) -> dict[str, dict]:
    found = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((HERE / "scenarios").glob("*.json"))
    }
    if unknown := set(only) - set(found):
        raise SystemExit(f"there is no scenario {', '.join(sorted(unknown))}")
    return {k: v for k, v in found.items() if not only or k in only}


class Library(threading.Thread):
    """Runs all scenarios by one library, over a stack of its own."""

    def __init__(self, language: str, scenarios: dict[str, dict]) -> None:
        super().__init__(name=language)
        self.language = language
        self.scenarios = scenarios
        self.failures: dict[str, str] = {}
        self.broken = ""

    def run(self) -> None:
        try:
            with IntegrationStack(access_ttl=ACCESS_TTL) as stack:
                make_certificates(stack.folder / "tls")
                stack.set_up()
                for name, scenario in self.scenarios.items():
                    self.run_one(stack, name, scenario)
        except Exception:
            self.broken = traceback.format_exc()

    def run_one(
        self, stack: IntegrationStack, name: str, scenario: dict
    ) -> None:
        settings = {"access_ttl": ACCESS_TTL, **scenario.get("emulator", {})}
        stack.emulator.configure(**settings)
        stack.emulator.clear_faults()
        if stack.server is None:  # the scenario before failed half-way
            stack.start_server()
        log = stack.folder / f"driver-{name}.log"
        known = {"address": stack.grpc, "api_key": stack.api_key}
        environment = substitute(scenario.get("environment", {}), known)
        driver = Driver(self.language, log, environment)
        began = time.monotonic()
        said = ""
        try:
            Engine(stack, driver).run(scenario["steps"])
        except Unmet as unmet:
            said = str(unmet)
        finally:
            resume_and_restart(stack, said != "")
            code = driver.close()
        if code != 0 and not said:
            said = f"the driver ended with {code}"
        elapsed = time.monotonic() - began
        if said:
            tail = log.read_text(errors="replace")[-2000:].strip()
            self.failures[name] = said + (f"\n      {tail}" if tail else "")
        verdict = "FAILED" if said else "passed"
        print(f"{self.language:<12}{name:<26}{verdict}  {elapsed:5.1f} s", flush=True)


def resume_and_restart(stack: IntegrationStack, failed: bool) -> None:
    """A scenario that failed may have left the server stopped or changed."""
    if not failed or stack.server is None:
        return
    stack.kill_server()
    stack.start_server()


def absent(language: str) -> str:
    """What this machine lacks for a library; "" if it is all there."""
    run = CLIENTS / language / "run"
    if not run.exists():
        return "it is not in this checkout"
    done = subprocess.run(
        [str(run), "missing"], capture_output=True, text=True, check=False
    )
    return "; ".join(done.stdout.split("\n")[:-1])


def print_table(names: list[str], libraries: list[Library]) -> None:
    width = max(map(len, names))
    print(f"\n{'scenario':<{width}}", *(f"{b.language:>11}" for b in libraries))
    for name in names:
        marks = ["FAILED" if name in b.failures else "ok" for b in libraries]
        print(f"{name:<{width}}", *(f"{mark:>11}" for mark in marks))
    for library in libraries:
        for name, said in library.failures.items():
            print(f"\n{library.language} {name}: {said}")
        if library.broken:
            print(f"\n{library.language}: {library.broken}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Conformance of the libraries")
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    scenarios = load([name for name in arguments.only.split(",") if name])
    if arguments.list:
        for name, scenario in scenarios.items():
            print(f"{name:<26}{scenario['about']}")
        return 0
    if missing():
        raise SystemExit(missing())
    for language in arguments.languages:
        if language not in LANGUAGES:
            parser.error(f"{language} is none of {', '.join(LANGUAGES)}")

    libraries, skipped = [], []
    for language in arguments.languages or LANGUAGES:
        if lacking := absent(language):
            print(f"skipped: {language}: {lacking}")
            skipped.append(language)
        else:
            libraries.append(Library(language, scenarios))
    for library in libraries:
        library.start()
    for library in libraries:
        library.join()
    if libraries:
        print_table(list(scenarios), libraries)
    failed = sum(len(b.failures) + bool(b.broken) for b in libraries)
    if arguments.results:
        with arguments.results.open("a", encoding="utf-8") as out:
            for b in libraries:
                bad = len(b.failures) + bool(b.broken)
                good = len(scenarios) - len(b.failures) if not b.broken else 0
                print(f"conformance: {b.language}", good, bad, 0, sep="\t", file=out)
            for language in skipped:
                print(
                    f"conformance: {language}", 0, 0, len(scenarios),
                    sep="\t", file=out,
                )
    return FAILED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
