"""What goes into the image: no more than is needed, named, and the same each
time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

from e2e.stack import BUILD, ROOT, missing

_NEEDED = missing() or (
    "" if shutil.which("dpkg-query") else "dpkg is not here"
)


def lay_out(folder: str) -> Path:
    subprocess.run(
        [ROOT / "k8s/image/rootfs.py", "--build", BUILD, "--output", folder],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )
    return Path(folder, "rootfs")


def listing(root: Path) -> dict[str, tuple[int, float, str]]:
    """Mode, time and content of all that is there."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        name = str(path.relative_to(root))
        found[name] = (status.st_mode, status.st_mtime, content)
    return found


@unittest.skipIf(_NEEDED, _NEEDED)
class Image(unittest.TestCase):
    root: ClassVar[Path]
    sbom: ClassVar[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.mkdtemp(prefix="valetkey-image-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.root = lay_out(folder)
        cls.sbom = json.loads(
            (cls.root / "usr/share/sbom/valetkey.spdx.json").read_text()
        )

    def test_is_the_same_each_time(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(listing(lay_out(folder)), listing(self.root))

    def test_has_our_programs_alone(self) -> None:
        programs = {path.name for path in (self.root / "usr/bin").iterdir()}
        self.assertLessEqual({"valetkeyd", "valetkey"}, programs)
        self.assertEqual(
            {name for name in programs if "valetkey" not in name}, set()
        )
        for path in self.root.rglob("*"):
            self.assertNotIn(path.name, ("sh", "bash", "dash", "perl", "apt"))

    def test_programs_start_with_these_libraries_alone(self) -> None:
        loader = next((self.root / "usr").glob("lib*/ld-linux*.so.*"))
        libraries = next((self.root / "usr/lib").glob("*-linux-gnu*"))
        for program in (self.root / "usr/bin").iterdir():
            done = subprocess.run(
                [loader, "--list", "--library-path", libraries, program],
                capture_output=True,
                text=True,
                check=True,
            )
            for line in done.stdout.splitlines():
                if " => " in line:
                    self.assertIn(str(self.root), line)

    def test_no_path_of_the_build(self) -> None:
        for program in (self.root / "usr/bin").iterdir():
            self.assertNotIn(str(ROOT).encode(), program.read_bytes())

    def test_all_packages_are_in_the_sbom(self) -> None:
        there = {
            p.name for p in (self.root / "var/lib/dpkg/status.d").iterdir()
        }
        self.assertLessEqual({"libc6", "libssl3", "ca-certificates"}, there)
        named = {p["name"]: p for p in self.sbom["packages"]}
        self.assertEqual(set(named), there | {"valetkey"})
        for name in there:
            with self.subTest(name):
                self.assertTrue(
                    (self.root / "usr/share/doc" / name / "copyright").exists()
                )
                locator = named[name]["externalRefs"][0]["referenceLocator"]
                self.assertRegex(locator, r"^pkg:deb/\w+/[^@]+@[^?]+\?arch=\w+")

    def test_the_sbom_has_the_programs_digests(self) -> None:
        files = {f["fileName"]: f for f in self.sbom["files"]}
        for program in (self.root / "usr/bin").iterdir():
            sums = files[f"./usr/bin/{program.name}"]["checksums"]
            found = {s["algorithm"]: s["checksumValue"] for s in sums}
            digest = hashlib.sha256(program.read_bytes()).hexdigest()
            self.assertEqual(found["SHA256"], digest)

    def test_sbom_refers_to_what_is_in_it(self) -> None:
        known = {"SPDXRef-DOCUMENT"}
        known |= {
            x["SPDXID"] for x in self.sbom["packages"] + self.sbom["files"]
        }
        for relation in self.sbom["relationships"]:
            self.assertIn(relation["spdxElementId"], known)
            self.assertIn(relation["relatedSpdxElement"], known)

    def test_a_program_that_is_not_built_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [
                    ROOT / "k8s/image/rootfs.py",
                    "--build",
                    folder,
                    "--output",
                    folder,
                ],
                capture_output=True,
                text=True,
                check=False,
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn("./dev build valetkeyd", done.stderr)


if __name__ == "__main__":
    unittest.main()
