"""The image's bill of materials as SPDX 2.3 JSON, from dpkg's own data.

Debian 12 has no tool that makes one. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote


def fields(stanza: str) -> dict[str, str]:
    """A stanza's fields, without their continuation lines."""
    pairs = (
        line.split(": ", 1)
        for line in stanza.splitlines()
        if ": " in line and not line.startswith(" ")
    )
    return dict(pairs)


def package(stanza: str, release: Mapping[str, str]) -> dict[str, Any]:
    """One Debian package. Its license is in its copyright file, which is in
    the image but is not always machine-readable: no assertion."""
    is_ = fields(stanza)
    name, version = is_["Package"], is_["Version"]
    distribution = release.get("ID", "debian")
    where = (
        f"pkg:deb/{distribution}/{quote(name, safe='')}"
        f"@{quote(version, safe='')}"
        f"?arch={is_['Architecture']}"
        f"&distro={distribution}-{release.get('VERSION_ID', '')}"
    )
    return {
        "SPDXID": identifier("Package", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: " + release.get("NAME", distribution),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": "built from the source package "
        + is_.get("Source", f"{name} ({version})"),
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": where,
            }
        ],
    }


def identifier(kind: str, name: str) -> str:
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def file_entry(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "SPDXID": identifier("File", path.name),
        "fileName": f"./usr/bin/{path.name}",
        "fileTypes": ["BINARY"],
        "checksums": [
            {
                "algorithm": algorithm,
                "checksumValue": hashlib.new(
                    algorithm.lower(), content
                ).hexdigest(),
            }
            for algorithm in ("SHA1", "SHA256")  # SPDX asks for the former
        ],
        "licenseConcluded": "Apache-2.0",
        "licenseInfoInFiles": ["NOASSERTION"],
        "copyrightText": "NOASSERTION",
    }


def verification_code(files: Sequence[Mapping[str, Any]]) -> str:
    """SPDX 2.3, 7.9."""
    digests = sorted(f["checksums"][0]["checksumValue"] for f in files)
    return hashlib.sha1("".join(digests).encode()).hexdigest()


def document(
    version: str,
    programs: Sequence[Path],
    stanzas: Sequence[str],
    release: Mapping[str, str],
    epoch: int,
) -> str:
    """`stanzas` are those of `dpkg-query -s`, one a package."""
    files = [file_entry(path) for path in programs]
    ours = {
        "SPDXID": "SPDXRef-Package-valetkey",
        "name": "valetkey",
        "versionInfo": version,
        "supplier": "Organization: ValetKey",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": verification_code(files)
        },
        "licenseInfoFromFiles": ["NOASSERTION"],
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"pkg:generic/valetkey@{version}",
            }
        ],
    }
    packages = [package(stanza, release) for stanza in stanzas]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", ours["SPDXID"])]
    relations += [(ours["SPDXID"], "CONTAINS", f["SPDXID"]) for f in files]
    relations += [(ours["SPDXID"], "DEPENDS_ON", p["SPDXID"]) for p in packages]
    content = {"packages": [ours, *packages], "files": files}
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    made = datetime.fromtimestamp(epoch, UTC)
    return (
        json.dumps(
            {
                "spdxVersion": "SPDX-2.3",
                "dataLicense": "CC0-1.0",
                "SPDXID": "SPDXRef-DOCUMENT",
                "name": f"valetkey-{version}",
                "documentNamespace": f"https://spdx.org/spdxdocs/valetkey-{digest}",
                "creationInfo": {
                    "created": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "creators": [
                        "Tool: valetkey-sbom",
                        "Organization: ValetKey",
                    ],
                },
                **content,
                "relationships": [
                    {
                        "spdxElementId": source,
                        "relationshipType": kind,
                        "relatedSpdxElement": target,
                    }
                    for source, kind, target in relations
                ],
            },
            indent=1,
        )
        + "\n"
    )
