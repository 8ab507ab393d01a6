"""An issuer of JWTs: keys and signatures by the openssl command, and a server
of its key set that can change and go away."""

from __future__ import annotations

import base64
import http.server
import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Self


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """An RSA key in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._key = folder / f"{name}.rsa"
        self._run("genrsa", "-out", str(self._key), "2048")

    def jwk(self) -> dict[str, str]:
        told = self._run(
            "rsa", "-in", str(self._key), "-noout", "-modulus"
        ).decode()
        modulus = bytes.fromhex(told.split("=")[1].strip())
        return {
            "kty": "RSA",
            "kid": self.name,
            "alg": "RS256",
            "use": "sig",
            "n": base64url(modulus),
            "e": "AQAB",
        }

    def sign(self, **claims: Any) -> str:
        """A token for this server, good for an hour; a claim that is None is
        left out."""
        now = int(time.time())
        body = {
            "sub": "system:serviceaccount:shop:web",
            "aud": ["valetkey"],
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        body = {name: value for name, value in body.items() if value is not None}
        header = {"alg": "RS256", "kid": self.name, "typ": "JWT"}
        data = ".".join(
            base64url(json.dumps(part).encode()) for part in (header, body)
        )
        signature = self._run(
            "dgst", "-sha256", "-sign", str(self._key), stdin=data.encode()
        )
        return f"{data}.{base64url(signature)}"

    def _run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(
            ["openssl", *arguments],
            input=stdin,
            capture_output=True,
            check=True,
        ).stdout


class KeyServer:
    """Serves the key set, and the issuer's configuration, on loopback."""

    def __init__(self) -> None:
        self.keys: list[SigningKey] = []
        self.requests: list[str] = []
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                if self.path == "/.well-known/openid-configuration":
                    answer: Any = {
                        "issuer": outer.url,
                        "jwks_uri": f"{outer.url}/jwks",
                    }
                else:
                    answer = {"keys": [key.jwk() for key in outer.keys]}
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self.port), Handler
        )
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, daemon=True
        ).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
