"""The egress door against curl direct: the same requests by curl to an HTTP
server on loopback, straight and through the door, in turns.

    python3 tests/bench/egress.py [--requests 3000] [--rounds 5]

Needs a release build and curl. The "provider's API" is the broker's own
/healthz, which costs the least there is here: what the door adds shows whole.
curl keeps its connection; there is no TLS on either way.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from integration.harness import IntegrationStack, wait_for  # noqa: E402
from integration.test_sidecar import Sidecar  # noqa: E402
from pinterest_emulator.client import request  # noqa: E402


def microseconds(url: str, requests: int) -> float:
    """Of one request, by one curl."""
    with tempfile.NamedTemporaryFile("w") as config:
        for _ in range(requests):
            config.write(f'url = "{url}"\noutput = "/dev/null"\n')
        config.flush()
        began = time.monotonic()
        subprocess.run(["curl", "-s", "-K", config.name], check=True)
        return (time.monotonic() - began) / requests * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with IntegrationStack(access_ttl=3600) as stack:
        stack.set_up()
        name = stack.connect_fast("ann")
        sidecar = Sidecar(
            stack.grpc,
            stack.api_key or "",
            f"--inject=127.0.0.1:0={name}",
            f"--inject_origin_override=https://api.pinterest.com={stack.http}",
        )
        with sidecar:
            ready = json.loads((sidecar.folder / "ready").read_text())
            door = f"http://{ready['inject'][0]}/healthz"
            direct = f"{stack.http}/healthz"
            wait_for("the door", lambda: request("GET", door).status == 200)
            taken: dict[str, list[float]] = {direct: [], door: []}
            for _ in range(options.rounds):
                for url, times in taken.items():
                    times.append(microseconds(url, options.requests))
            direct_us, door_us = (
                statistics.median(times) for times in taken.values()
            )
    print(f"curl direct            {direct_us:8.1f} us a request")
    print(f"curl through the door  {door_us:8.1f} us a request")
    print(f"the door adds          {door_us - direct_us:8.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
