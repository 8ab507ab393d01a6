"""Certificates for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """A certificate authority in a folder, by the openssl command."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", str(self.key)),
            *("-out", str(self.certificate)),
        )

    def issue(
        self, name: str, names: str = "IP:127.0.0.1,DNS:localhost"
    ) -> tuple[Path, Path]:
        """A certificate with these alternative names, and its key."""
        certificate = self.folder / f"{name}.pem"
        key = self.folder / f"{name}.key"
        request_file = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", str(key), "-out", str(request_file)),
        )
        self._run(
            *("x509", "-req", "-in", str(request_file), "-days", "2"),
            *("-CA", str(self.certificate), "-CAkey", str(self.key)),
            *("-CAcreateserial", "-extfile", str(extensions)),
            *("-out", str(certificate)),
        )
        return certificate, key

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["openssl", *arguments], check=True, capture_output=True
        )
