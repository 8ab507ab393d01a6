"""Every definition, in every environment, through a real valetkeyd."""

from __future__ import annotations

import unittest
from concurrent.futures import ThreadPoolExecutor

from catalog.definitions import runs_of
from catalog.expectations import expected, found
from catalog.flow import run_definition
from catalog.world import SHAPES, World, all_runs, catalog, missing

_THREADS = 4  # the server and the emulator share the machine with these


@unittest.skipIf(missing(), missing())
class Definitions(unittest.TestCase):
    maxDiff = None

    def test_every_one_is_run(self) -> None:
        runs = all_runs()
        with World(runs) as world, ThreadPoolExecutor(_THREADS) as pool:
            outcomes = list(pool.map(lambda r: run_definition(world, r), runs))
            for run, faults in zip(runs, outcomes, strict=True):
                with self.subTest(run=run.key):
                    self.assertEqual(faults, [])
            self.assertEqual(world.emulator.strays, [])
        self.assertGreaterEqual(len(runs), 200)

    def test_they_say_what_was_written_down_apart(self) -> None:
        rows = expected()
        shapes = {path.stem for path in SHAPES.iterdir()}
        builtin = [d for d in catalog() if d["id"] not in shapes]
        ids = {d["id"] for d in builtin}
        self.assertEqual(ids, set(rows), "a line for each in expectations.tsv")
        for d in builtin:
            with self.subTest(definition=d["id"]):
                row = {k: v for k, v in rows[d["id"]].items()}
                self.assertEqual(found(d), row)

    def test_environments_do_not_share_a_token_url_by_accident(self) -> None:
        """A sandbox whose tokens come from production is a slip of the pen,
        unless the definition says that it is one API with two bases."""
        shared = {"quickbooks", "salesforce"}
        for d in catalog():
            urls = [run.definition["token"]["url"] for run in runs_of(d)]
            if d["id"] not in shared:
                with self.subTest(definition=d["id"]):
                    self.assertEqual(len(set(urls)), len(urls))


if __name__ == "__main__":
    unittest.main()
