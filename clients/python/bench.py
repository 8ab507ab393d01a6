"""A million reads of a token source from memory: `run bench`."""

from __future__ import annotations

import json
import threading
import time

import valetkey
from valetkey.testing import Fake

READS = 1_000_000


def main() -> None:
    with Fake() as fake:
        fake.set_token("c-7")
        with fake.client() as client:
            source = client.token_source("c-7")
            source.token()
            for readers in (1, 2):
                print(json.dumps(measure(source, readers)))


def measure(source: valetkey.TokenSource, readers: int) -> dict[str, object]:
    """The time that a read takes, as a reader sees it."""

    def read() -> None:
        for _ in range(READS // readers):
            source.token()

    threads = [threading.Thread(target=read) for _ in range(readers)]
    start = time.perf_counter_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter_ns() - start
    return {
        "name": "token_source_read",
        "language": "python",
        "ns_per_read": round(elapsed / READS * readers),
        "readers": readers,
    }


if __name__ == "__main__":
    main()
