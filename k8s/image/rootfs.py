#!/usr/bin/env python3
"""Lays out the files of the container image: the programs, the libraries that
they are linked with, and what names those.

    rootfs.py --targets                      the programs to build, for ./dev
    rootfs.py --build build/release --output build/image

makes OUTPUT/rootfs, which is the image's "/", and OUTPUT/data, the empty folder
that belongs to its user. Of each Debian package there are only the libraries
that the loader asks for and the copyright; its stanza of dpkg's data goes to
var/lib/dpkg/status.d, where scanners look, and into the SBOM (sbom.py). Runs on
the distribution that the programs were built on. All times are
SOURCE_DATE_EPOCH, so that the same programs give the same image.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import sbom

ROOT = Path(__file__).resolve().parents[2]
USER = 65532
_PROGRAMS = ("valetkeyd", "valetkey", "valetkey-sidecar")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# Not linked, but read: whom to trust, and the licenses that copyrights name.
_EXTRA_PACKAGES = ("ca-certificates", "base-files")


class RootfsError(Exception):
    """What is missing, and how to get it."""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment()
    )
    if done.returncode != 0:
        raise RootfsError(
            f"{' '.join(map(str, command))}: {done.stderr.strip()}"
        )
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}


def targets() -> list[str]:
    """The programs that this checkout has."""
    commands = ROOT / "service/cmd"
    return [
        name
        for name in _PROGRAMS
        if (commands / name.replace("-", "_")).is_dir()
        or (commands / name).is_dir()
    ]


def find_program(build: Path, name: str) -> Path:
    for path in sorted((build / "service").rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise RootfsError(
        f"{name} is not in {build}: build it with ./dev build {name}"
    )


def strip(source: Path, target: Path) -> None:
    """Without debug information, but with the names that a backtrace shows."""
    for tool in ("llvm-strip-19", "llvm-strip-18", "strip"):
        if shutil.which(tool):
            run(tool, "--strip-debug", "-o", target, source)
            target.chmod(0o755)
            return
    raise RootfsError("no strip: install llvm-19 or binutils")


def libraries(programs: list[Path]) -> dict[str, Path]:
    """What the loader maps for them: where it looks, and the file."""
    found: dict[str, Path] = {}
    for program in programs:
        for line in run("ldd", program).splitlines():
            if "not found" in line:
                raise RootfsError(f"{program.name}: {line.strip()}")
            match = re.search(r"(/\S+) \(0x", line)
            if match:
                found[match[1]] = Path(match[1]).resolve()
    return dict(sorted(found.items()))


def packages_of(paths: Iterable[str]) -> set[str]:
    """dpkg may know a file by either name of a merged /usr."""
    names = {
        path: {path, path.removeprefix("/usr"), f"/usr{path}"} for path in paths
    }
    # It fails if it does not know one of them.
    found = subprocess.run(
        ["dpkg-query", "-S", *sorted(set().union(*names.values()))],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    ).stdout
    owners: dict[str, str] = {}
    for line in found.splitlines():
        owner, _, path = line.partition(": ")
        owners[path] = owner.split(",")[0].split(":")[0]
    for path, known in names.items():
        if known.isdisjoint(owners):
            raise RootfsError(
                f"{path} is of no package: nothing tells its version"
            )
    return set(owners.values())


def merged(path: str) -> str:
    """Where the file is in the image, which has a merged /usr."""
    return path.lstrip("/") if path.startswith("/usr/") else f"usr{path}"


def copy(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o644)


def add_system(rootfs: Path) -> None:
    """What the C library and people expect in "/"."""
    for name in ("lib", "lib64"):
        (rootfs / "usr" / name).mkdir(parents=True, exist_ok=True)
        (rootfs / name).symlink_to(f"usr/{name}")
    write(
        rootfs / "etc/passwd",
        "root:x:0:0:root:/root:/sbin/nologin\n"
        f"valetkey:x:{USER}:{USER}:ValetKey:/var/lib/valetkey:/sbin/nologin\n",
    )
    write(rootfs / "etc/group", f"root:x:0:\nvaletkey:x:{USER}:\n")
    write(rootfs / "etc/nsswitch.conf", "hosts: files dns\n")
    copy(Path("/usr/lib/os-release"), rootfs / "usr/lib/os-release", 0o644)
    (rootfs / "etc/os-release").symlink_to("../usr/lib/os-release")
    certificates = Path("/", _CERTIFICATES)
    if not certificates.exists():
        raise RootfsError(
            f"{certificates} is not here: install ca-certificates"
        )
    copy(certificates, rootfs / _CERTIFICATES, 0o644)
    # Where OpenSSL itself looks.
    (rootfs / "usr/lib/ssl").mkdir(parents=True)
    (rootfs / "usr/lib/ssl/cert.pem").symlink_to(f"/{_CERTIFICATES}")
    for license_file in sorted(Path("/usr/share/common-licenses").iterdir()):
        copy(
            license_file.resolve(),
            rootfs / "usr/share/common-licenses" / license_file.name,
            0o644,
        )
    copy(ROOT / "LICENSE", rootfs / "usr/share/doc/valetkey/copyright", 0o644)
    (rootfs / "tmp").mkdir()
    (rootfs / "tmp").chmod(0o1777)


def add_package(rootfs: Path, name: str) -> str:
    """Its copyright and stanza; returns the stanza."""
    document = Path("/usr/share/doc", name, "copyright")
    if document.exists():
        copy(document, rootfs / "usr/share/doc" / name / "copyright", 0o644)
    stanza = run("dpkg-query", "-s", name)
    write(rootfs / "var/lib/dpkg/status.d" / name, stanza)
    return stanza


def set_times(folder: Path, epoch: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def lay_out(build: Path, output: Path, names: list[str], epoch: int) -> None:
    rootfs, data = output / "rootfs", output / "data"
    for folder in (rootfs, data):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    data.chmod(0o700)
    add_system(rootfs)
    programs = []
    for name in names:
        program = rootfs / "usr/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        strip(find_program(build, name), program)
        programs.append(program)
    linked = libraries(programs)
    for path, real in linked.items():
        copy(real, rootfs / merged(path), 0o755)
    packages = packages_of(linked) | set(_EXTRA_PACKAGES)
    stanzas = [add_package(rootfs, name) for name in sorted(packages)]
    write(
        rootfs / "usr/share/sbom/valetkey.spdx.json",
        sbom.document(version(), programs, stanzas, os_release(), epoch),
    )
    set_times(output, epoch)


def version() -> str:
    match = re.search(
        r"project\(ValetKey VERSION ([0-9.]+)",
        (ROOT / "CMakeLists.txt").read_text(),
    )
    if match is None:
        raise RootfsError("CMakeLists.txt tells no version")
    return match[1]


def os_release() -> dict[str, str]:
    lines = Path("/usr/lib/os-release").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip('"') for name, value in pairs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--targets", action="store_true")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--output", type=Path, default=ROOT / "build/image")
    arguments = parser.parse_args()
    if arguments.targets:
        print(" ".join(targets()))
        return 0
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    try:
        lay_out(arguments.build, arguments.output, targets(), epoch)
    except RootfsError as error:
        print(f"rootfs.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
