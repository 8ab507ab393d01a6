"""Network namespaces on one bridge, any two of which can be parted.

    with Network(("store", "r0", "r1")) as network:
        subprocess.Popen([*network.launcher("r0"), ...])
        network.part("r0", "store")
        network.heal("r0", "store")

Needs root and iproute2. The test itself, outside of all, is on the bridge and
reaches everyone always. For one thread.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

# Of nobody: what is sent to it is gone without a word, as in a network that
# drops packets. A route that refuses would tell the sender at once.
_NOBODY = "02:00:00:00:00:fe"
# The kernel takes its time to forget a namespace, and its name.
_numbers = itertools.count()


def missing_network() -> str:
    """What keeps this machine from making one; "" if nothing does."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "iproute2 is not here"
    name = f"vkp{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
        _ip("link", "add", name, "type", "bridge")
        _ip("link", "del", name)
    except NetworkError as error:
        return f"no network namespace can be made: {error}"
    return ""


class NetworkError(Exception):
    """`ip` refused."""


def _ip(*words: str) -> None:
    done = subprocess.run(
        ["ip", *words], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        raise NetworkError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Network:
    def __init__(self, members: Sequence[str]) -> None:
        # Names of links have 15 characters at most; those of namespaces are
        # the machine's, which other tests share.
        self._prefix = f"vk{os.getpid() % 100000}{chr(97 + next(_numbers) % 26)}"
        self._net = f"10.{200 + os.getpid() % 50}.{os.getpid() % 250}"
        self._members = list(members)
        self._parted: set[tuple[str, str]] = set()

    def address(self, member: str) -> str:
        return f"{self._net}.{self._members.index(member) + 2}"

    def launcher(self, member: str) -> list[str]:
        """What a command is given to, to run there."""
        return ["ip", "netns", "exec", self._namespace(member)]

    def __enter__(self) -> Self:
        try:
            bridge = f"{self._prefix}b"
            _ip("link", "add", bridge, "type", "bridge")
            _ip("addr", "add", f"{self._net}.1/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for member in self._members:
                self._add(member, bridge)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes away what there is of it."""
        words = [("link", "del", self._outer(m)) for m in self._members]
        words += [("netns", "del", self._namespace(m)) for m in self._members]
        words += [("link", "del", f"{self._prefix}b")]
        for each in words:
            try:
                _ip(*each)
            except NetworkError:
                pass

    def part(self, one: str, other: str) -> None:
        """Neither gets anything of the other's from now on, nor learns that
        it does not."""
        for here, there in ((one, other), (other, one)):
            self._in(
                here,
                *("neigh", "replace", self.address(there)),
                *("lladdr", _NOBODY, "nud", "permanent", "dev", "eth0"),
            )

            self._parted.add((one, other))

    def heal(self, one: str, other: str) -> None:
        self._parted.discard((one, other))
        for here, there in ((one, other), (other, one)):
            self._in(here, "neigh", "del", self.address(there), "dev", "eth0")

    def heal_all(self) -> None:
        for one, other in list(self._parted):
            self.heal(one, other)

    def _namespace(self, member: str) -> str:
        return f"{self._prefix}-{member}"

    def _outer(self, member: str) -> str:
        return f"{self._prefix}v{self._members.index(member)}"

    def _in(self, member: str, *words: str) -> None:
        _ip("-n", self._namespace(member), *words)

    def _add(self, member: str, bridge: str) -> None:
        outer = self._outer(member)
        _ip("netns", "add", self._namespace(member))
        _ip(
            *("link", "add", outer, "type", "veth", "peer", "name", "eth0"),
            *("netns", self._namespace(member)),
        )
        _ip("link", "set", outer, "master", bridge, "up")
        address = f"{self.address(member)}/24"
        self._in(member, "addr", "add", address, "dev", "eth0")
        self._in(member, "link", "set", "eth0", "up")
        self._in(member, "link", "set", "lo", "up")
