"""Certificates of an authority of our own, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificates(folder: Path) -> None:
    """ca.pem, server.pem and client.pem with their keys, and other.pem of an
    authority that signed none of them."""
    folder.mkdir(mode=0o700, parents=True)
    for name in ("ca", "other"):
        _openssl(
            folder,
            *("req", "-x509", "-days", "2", "-subj", f"/CN={name}"),
            *_new_key(name),
            *("-out", f"{name}.pem"),
            *("-addext", "keyUsage=critical,keyCertSign"),
        )
    for name, extensions in (
        ("server", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        _openssl(
            folder,
            *("req", "-subj", f"/CN={name}", *_new_key(name)),
            *("-out", f"{name}.csr"),
        )
        (folder / f"{name}.ext").write_text(extensions)
        _openssl(
            folder,
            *("x509", "-req", "-days", "2", "-in", f"{name}.csr"),
            *("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )


def _new_key(name: str) -> tuple[str, ...]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    return (*curve, "-nodes", "-keyout", f"{name}.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["openssl", *arguments], cwd=folder, check=True, capture_output=True
    )
