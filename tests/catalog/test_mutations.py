"""A wrong field in a definition fails its run.

Each mutant is a definition of its own in --catalog_dir, run against the
emulator of the original. A sample of each field and kind of change is run;
VALETKEY_MUTANTS_EACH sets how many of each (3), 0 for all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from catalog.definitions import Run, runs_of
from catalog.flow import run_definition
from catalog.mutations import Mutant, mutants_of, sample, to_text
from catalog.world import World, catalog, missing
from e2e.stack import COMMAND_LINE

_EACH = int(os.environ.get("VALETKEY_MUTANTS_EACH", "3")) or 1_000_000
_THREADS = 8  # most of a failing run is waiting

# Fields of single definitions whose change a run cannot notice.
_DEFAULT = "says what is so anyway"
_IDLE = "a refresh token that is not used dies before"
_EVIDENCE = "told apart by later evidence (refresh_test.cc)"
_FIRST = "a fallback: only the first form is answered"
_UNNOTICED = {
    ("pinterest", "clientAuthentication.basicEncoding"): _DEFAULT,
    ("github", "revocation.steps.clientAuthentication.basicEncoding"): _DEFAULT,
    ("github", "revocation.success.statuses"): _DEFAULT,
    ("github", "token.headers"): _DEFAULT,
    ("slack", "errors.codePointers"): _DEFAULT,
    ("quickbooks", "lifetimes.refreshAbsolute"): _IDLE,
    ("atlassian", "lifetimes.refreshAbsolute"): _IDLE,
    ("jira", "lifetimes.refreshAbsolute"): _IDLE,
    ("confluence", "lifetimes.refreshAbsolute"): _IDLE,
    ("atlassian", "errors.rules"): _EVIDENCE,
    ("atlassian", "errors.rules.codes"): _EVIDENCE,
    ("jira", "errors.rules"): _EVIDENCE,
    ("jira", "errors.rules.codes"): _EVIDENCE,
    ("confluence", "errors.rules"): _EVIDENCE,
    ("confluence", "errors.rules.codes"): _EVIDENCE,
    ("lightspeed-retail", "response.expiries"): _FIRST,
    ("lightspeed-retail", "response.expiries.pointer"): _FIRST,
    ("pinterest", "response.refreshExpiries"): _FIRST,
    ("pinterest", "response.refreshExpiries.pointer"): _FIRST,
    ("pinterest", "response.refreshExpiries.format"): _FIRST,
    ("adobe-sign", "response.captures"): "the callback says the same",
    ("adobe-sign", "response.captures.pointer"): "the callback says the same",
    ("keap", "response.captures"): "the scope in its own form",
    ("keap", "response.captures.pointer"): "the scope in its own form",
    ("slack", "response.extraTokens.atRootWhen.pointer"): (
        "the broker knows which token it refreshed (shapes_test.cc)"
    ),
    ("slack", "response.extraTokens.atRootWhen.equals"): (
        "the broker knows which token it refreshed (shapes_test.cc)"
    ),
    ("slack", "revocation.alreadyInvalid.codes"): "errors.rules say so too",
    ("stripe", "revocation.steps.token"): "the call has no token",
}


def _refused(files: list[Path]) -> set[str]:
    """Those that the checks do not let through."""
    out = set()
    for i in range(0, len(files), 500):
        done = subprocess.run(
            [str(COMMAND_LINE), "catalog", "lint", *map(str, files[i : i + 500])],
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            if line.startswith("error: "):
                out.add(Path(line[7:].split(":")[0]).stem)
    return out


@unittest.skipIf(missing(), missing())
class Mutations(unittest.TestCase):
    def test_a_wrong_field_fails_its_run(self) -> None:
        every = [
            mutant
            for d in catalog()
            for mutant in mutants_of(d["id"], next(runs_of(d)).definition)
        ]
        chosen = sample(every, _EACH)
        folder = Path(tempfile.mkdtemp(prefix="valetkey-mutants-"))
        self.addCleanup(shutil.rmtree, folder)
        originals = {d["id"]: next(runs_of(d)).definition for d in catalog()}
        mutants: dict[str, Mutant] = {}
        for number, mutant in enumerate(chosen):
            key = f"m{number}"
            mutants[key] = mutant
            text = to_text({**mutant.definition, "id": key})
            (folder / f"{key}.textproto").write_text(text)
        refused = _refused(sorted(folder.iterdir()))
        for key in refused:
            (folder / f"{key}.textproto").unlink()
        runs = [
            Run(key, f"catalog/{key}", "", originals[mutant.of])
            for key, mutant in mutants.items()
            if key not in refused
        ]
        with World(runs, folder) as world:
            with ThreadPoolExecutor(_THREADS) as pool:
                outcomes = list(
                    pool.map(
                        lambda run: run_definition(world, run, lookup_wait=1.5),
                        runs,
                    )
                )
        unnoticed = [
            mutants[run.key]
            for run, faults in zip(runs, outcomes, strict=True)
            if not faults
        ]
        new = [m for m in unnoticed if (m.of, m.path) not in _UNNOTICED]
        print(
            f"{len(every)} mutants, {len(chosen)} tried: {len(refused)} refused "
            f"by the checks, {len(runs) - len(unnoticed)} failed their run, "
            f"{len(unnoticed)} not noticed"
        )
        told = [f"{m.path}: {m.what} (of {m.of})" for m in new]
        self.assertFalse(told, "not noticed:\n" + "\n".join(sorted(told)))


if __name__ == "__main__":
    unittest.main()
