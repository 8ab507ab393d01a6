"""Generates src/valetkey/v1 and src/valetkey/catalog from ../../proto.

Used by `run generate` and by the package's build. A source distribution has
the generated code and not the protos; then there is nothing to do.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from importlib import import_module, resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PROTO = ROOT.parent.parent / "proto"
PACKAGES = ("valetkey/v1", "valetkey/catalog/v1")
STAMP = "valetkey/v1/.stamp"


def generate(into: Path) -> None:
    """Writes the packages below `into`, unless they are there and fresh."""
    protos = sorted(
        path.relative_to(PROTO).as_posix()
        for package in PACKAGES
        for path in (PROTO / package).glob("*.proto")
    )
    if not protos:
        return
    digest = _digest(protos)
    stamp = into / STAMP
    if stamp.exists() and stamp.read_text() == digest:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        _protoc(made, protos)
        for package in PACKAGES:
            _write_init(made, package)
        (made / "valetkey/catalog/__init__.py").write_text("")
        (made / STAMP).write_text(digest)
        for name in ("v1", "catalog"):
            target = into / "valetkey" / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(made / "valetkey" / name, target)


def _digest(protos: list[str]) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in protos:
        digest.update((PROTO / name).read_bytes())
    return digest.hexdigest()


def _protoc(made: Path, protos: list[str]) -> None:
    protoc = import_module("grpc_tools.protoc")
    includes = resources.files("grpc_tools") / "_proto"
    plugins = [_plugin("mypy"), _plugin("mypy_grpc")]
    common = ["protoc", f"-I{PROTO}", f"-I{includes}", *plugins]
    messages = [f"--python_out={made}", f"--mypy_out=quiet:{made}"]
    services = [f"--grpc_python_out={made}", f"--mypy_grpc_out=quiet:{made}"]
    with_services = [name for name in protos if name.endswith("_service.proto")]
    for arguments in (messages + protos, services + with_services):
        if protoc.main(common + arguments) != 0:
            raise SystemExit("protoc failed")


def _plugin(name: str) -> str:
    # It stands beside the interpreter that runs this, or else on the path.
    program = f"protoc-gen-{name}"
    beside = shutil.which(program, path=str(Path(sys.executable).parent))
    return f"--plugin={program}={beside or shutil.which(program)}"


def _write_init(made: Path, package: str) -> None:
    """A package whose messages and enums can be imported from it."""
    sys.path.insert(0, str(made))
    try:
        lines = [f'"""The messages of `{package.replace("/", ".")}`."""', ""]
        exported: list[str] = []
        for path in sorted((made / package).glob("*_pb2.py")):
            module = f"{package.replace('/', '.')}.{path.stem}"
            names = sorted(_names(made, f"{package}/{path.stem}"))
            exported += names
            lines.append(f"from {module} import (")
            lines += [f"    {name} as {name}," for name in names]
            lines.append(")")
        lines += ["", "__all__ = ["]
        lines += [f'    "{name}",' for name in sorted(exported)]
        lines += ["]", ""]
        (made / package / "__init__.py").write_text("\n".join(lines))
    finally:
        sys.path.remove(str(made))


def _names(made: Path, module: str) -> list[str]:
    """The messages and enums at the top of a generated module."""
    stub = (made / f"{module}.pyi").read_text()
    return [
        line.split()[1].split("(")[0].rstrip(":")
        for line in stub.splitlines()
        if line.startswith("class ") and not line.startswith("class _")
    ]


if __name__ == "__main__":
    generate(ROOT / "src")
