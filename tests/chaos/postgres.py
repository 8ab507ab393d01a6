"""A PostgreSQL of a test's own, on a Unix socket in a folder of its own.

    with Postgres() as postgres:
        url = postgres.url
        postgres.stop(signal.SIGKILL)
        postgres.start()
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from e2e.stack import StackError, wait_for

_SETTINGS = {
    "max_connections": "200",
    # What is asserted is what a replica loses, not what a disk does; the
    # order of things is the same.
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
}


def binaries() -> Path | None:
    """Where initdb is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).resolve().parent if path else None


def faketime() -> Path | None:
    """The library that shifts a process's wall clock; None if it is not
    installed (Debian: faketime)."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0] if found else None


def forget_faketime() -> None:
    """Takes away what it shared among processes that were killed."""
    for path in Path("/dev/shm").glob("*faketime_*"):
        process = path.name.rpartition("_")[2]
        if process.isdigit() and not Path("/proc", process).exists():
            path.unlink(missing_ok=True)


def missing_postgres() -> str:
    return "" if binaries() else "PostgreSQL is not here"


class Postgres:
    """For one thread."""

    def __init__(self, port: int = 5432, host: str = "") -> None:
        """With `host`, it also listens there, to everyone who reaches it."""
        # How far its clock is ahead, which is the fleet's; None: as it is.
        self._clock: Path | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="valetkey-pg-"))
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = port
        self.host = host
        # What the command is given to, such as `ip netns exec x`.
        self.launcher: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else ""
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.folder.chmod(0o755)
        found = binaries()
        if found is None:
            raise StackError("PostgreSQL is not here")
        self._binaries = found
        self._run(
            *(found / "initdb", "-D", self.data, "-U", "postgres"),
            *("--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"),
        )
        if host:
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 0.0.0.0/0 trust\n")

    def _as_user(self, *command: object) -> list[str]:
        words = [str(word) for word in command]
        if not self._user:
            return words
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._user}"] + [
            "--init-groups",
            *words,
        ]

    def _run(self, *command: object) -> str:
        done = subprocess.run(
            self._as_user(*command),
            capture_output=True,
            text=True,
            cwd="/",
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"{command[0]}: {done.stderr}")
        return done.stdout

    @property
    def url(self) -> str:
        return (
            f"postgres:///postgres?host={self.folder}&port={self.port}"
            "&user=postgres"
        )

    def start(self) -> None:
        # What a server that was killed has left.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {**_SETTINGS, "listen_addresses": self.host}
        options = [f"-c{name}={value}" for name, value in settings.items()]
        command = self._as_user(
            *("env", *self._environment()),
            *(self._binaries / "postgres", "-D", self.data),
            *("-k", self.folder, "-p", self.port, *options),
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.launcher, *command],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        wait_for("PostgreSQL", self.answers, timeout=60)

    def move_clock(self, ahead: float) -> None:
        """To so many seconds ahead of the machine's. The first time it takes
        effect at the next start, later within a second.

        REQUIRES: faketime().
        """
        self._clock = self.folder / "clock"
        draft = self.folder / "clock.new"
        draft.write_text(f"+{ahead:.0f}\n")
        draft.chmod(0o644)
        draft.replace(self._clock)

    def _environment(self) -> list[str]:
        """Words for env(1), which runs as its user: what faketime shares
        among processes belongs to the first."""
        library = faketime()
        if self._clock is None or library is None:
            return []
        return [
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={self._clock}",
            "FAKETIME_CACHE_DURATION=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]

    def answers(self) -> bool:
        try:
            return self.query("SELECT 1") == "1"
        except StackError:
            return False

    def query(self, sql: str) -> str:
        """The answer's rows as psql prints them, unaligned."""
        done = subprocess.run(
            ["psql", "-h", str(self.folder), "-p", str(self.port), "-U"]
            + ["postgres", "-XAtqc", sql, "postgres"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            # Whatever refuse_writes says: a test may always write.
            env={
                **os.environ,
                "PGOPTIONS": "-c default_transaction_read_only=off",
            },
        )
        if done.returncode != 0:
            raise StackError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def processes(self) -> list[int]:
        """The first, then its children: each leads a session of its own, so
        that there is no group to signal."""
        if self.process is None:
            return []
        first = self.process.pid
        found = [first]
        for entry in Path("/proc").iterdir():
            try:
                stat = (entry / "stat").read_text() if entry.name.isdigit() else ""
            except OSError:
                continue
            # After the name, which may hold anything: state, parent.
            if stat and int(stat.rpartition(")")[2].split()[1]) == first:
                found.append(int(entry.name))
        return found

    def send(self, how: signal.Signals) -> None:
        """To all of its processes."""
        for process in self.processes():
            try:
                os.kill(process, how)
            except ProcessLookupError:
                pass

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def refuse_writes(self, refuse: bool) -> None:
        """For sessions from now on; those there are, are ended. What a
        fail-over to a standby looks like."""
        value = "on" if refuse else "off"
        self.query(
            f"ALTER DATABASE postgres SET default_transaction_read_only = {value}"
        )
        self.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is None:
            return
        if how == signal.SIGKILL:
            self.send(how)
        else:
            self.process.send_signal(how)
        self.process.wait(60)
        self.process = None

    def close(self) -> None:
        try:
            self.stop(signal.SIGKILL)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
