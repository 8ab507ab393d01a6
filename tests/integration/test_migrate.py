"""valetkeyd --migrate_only, against a PostgreSQL of the test's own."""

from __future__ import annotations

import os
import subprocess
import unittest

from chaos.postgres import Postgres, missing_postgres
from e2e.stack import SERVER, missing


def migrate(*flags: str) -> subprocess.CompletedProcess[str]:
    """Without a folder or a keyring: a job has neither."""
    return subprocess.run(
        [SERVER, "--migrate_only", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("PG")},
    )


@unittest.skipIf(missing(), missing())
class Refusals(unittest.TestCase):
    def test_without_a_shared_store(self) -> None:
        done = migrate()
        self.assertEqual(done.returncode, 1)
        self.assertIn(
            "--migrate_only: expected together with --store", done.stderr
        )

    def test_a_store_url_that_is_none(self) -> None:
        done = migrate("--store=mysql://db/valetkey")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--store", done.stderr)


@unittest.skipIf(missing(), missing())
@unittest.skipIf(missing_postgres(), missing_postgres())
class Migrations(unittest.TestCase):
    def setUp(self) -> None:
        self.postgres = self.enterContext(Postgres())

    def test_makes_the_tables_and_then_finds_them(self) -> None:
        for _ in range(2):
            done = migrate(f"--store={self.postgres.url}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("the store is up to date", done.stderr)
        self.assertEqual(self.postgres.query("SELECT count(*) FROM store"), "1")

    def test_many_at_a_time(self) -> None:
        command = [SERVER, "--migrate_only", f"--store={self.postgres.url}"]
        jobs = [
            subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            for _ in range(6)
        ]
        for job in jobs:
            _, said = job.communicate(timeout=60)
            self.assertEqual(job.returncode, 0, said)
        self.assertEqual(self.postgres.query("SELECT count(*) FROM store"), "1")

    def test_tables_of_another_program(self) -> None:
        self.postgres.query("CREATE TABLE events (id int)")
        done = migrate(f"--store={self.postgres.url}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("tables of another program", done.stderr)

    def test_tables_of_a_newer_version(self) -> None:
        self.assertEqual(migrate(f"--store={self.postgres.url}").returncode, 0)
        self.postgres.query("INSERT INTO schema_version VALUES (9999)")
        done = migrate(f"--store={self.postgres.url}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("schema version 9999", done.stderr)
