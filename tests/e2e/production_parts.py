"""What stands beside overlays/production in its tests: a database that is
somewhere else, and an application that asks all the while."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Self

from chaos.postgres import Postgres
from e2e.containers import Pods
from e2e.stack import StackError, free_port, wait_for
from integration.authority import Authority
from pinterest_emulator.client import request


class Database(Postgres):
    """Over TLS and by password, as one that is somewhere else."""

    def __init__(self, folder: Path, password: str) -> None:
        super().__init__(port=free_port(), host="127.0.0.1")
        self.password = password
        authority = Authority(folder, "database")
        self.authority = authority.certificate
        for source, name in zip(
            authority.issue("postgres"), ("server.crt", "server.key"), strict=True
        ):
            target = self.data / name
            shutil.copyfile(source, target)
            target.chmod(0o600)
            shutil.chown(target, self.data.owner(), self.data.group())
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write("ssl = on\n")
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self.query(f"CREATE ROLE valetkey LOGIN PASSWORD '{self.password}'")
        self.query("CREATE DATABASE valetkey OWNER valetkey")
        return self

    @property
    def url(self) -> str:
        return (
            f"postgres://valetkey@127.0.0.1:{self.port}/valetkey"
            "?sslmode=verify-full&sslrootcert=/etc/valetkey/postgres-ca/ca.crt"
        )


class Application(threading.Thread):
    """Asks for its token all the time, in its container, and uses it."""

    def __init__(self, pods: Pods, connection: str, api: str) -> None:
        super().__init__()
        self._pods = pods
        self._connection = connection
        self._api = api
        self._ended = threading.Event()
        self.tokens: list[str] = []
        """What it was given, one after the other."""
        self.refused: list[int] = []
        """What the provider said to a token, if not 200."""
        self.failed: list[str] = []
        """Why it had none."""

    def ask(self) -> str:
        return self._pods.run_in(
            "shop", "valetkey", "token", self._connection
        ).strip()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                token = self.ask()
            except StackError as error:
                self.failed.append(str(error))
                continue
            self.tokens.append(token)
            status = request(
                "GET",
                f"{self._api}/v5/user_account",
                headers={"authorization": f"Bearer {token}"},
            ).status
            if status != 200:
                self.refused.append(status)

    def goes_on(self, times: int = 3) -> None:
        """Waits until it had its token so many times more."""
        before = len(self.tokens)
        wait_for("its tokens", lambda: len(self.tokens) >= before + times)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
