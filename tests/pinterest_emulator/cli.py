"""The command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pinterest_emulator.config import PKCE_MODES, REUSE_POLICIES, Config
from pinterest_emulator.fields import FieldError, Fields
from pinterest_emulator.server import Ports, Server, ServerOptions
from pinterest_emulator.state import App


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        config = _config(args)
    except FieldError as problem:
        parser.error(str(problem))
    options = ServerOptions(
        host=args.host,
        ports=Ports(
            args.port, args.api_port, args.sandbox_port, args.control_port
        ),
        config=config,
        apps=args.client,
        ledger_file=args.ledger_file,
    )
    try:
        asyncio.run(_run(options, args.ready_file))
    except OSError as problem:
        print(f"pinterest emulator: {problem}", file=sys.stderr)
        return 1
    return 0


async def _run(options: ServerOptions, ready_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(options)
    try:
        origins = await server.start()
        if ready_file is not None:
            _write_whole(ready_file, json.dumps(origins) + "\n")
        print(f"pinterest emulator listening on {origins['www']}", flush=True)
        await stop.wait()
    finally:
        await server.stop()


def _write_whole(path: Path, text: str) -> None:
    """So that a reader who waits for the file never sees half of it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _parser() -> argparse.ArgumentParser:
    defaults = Config()
    parser = argparse.ArgumentParser(
        prog="pinterest_emulator",
        description="A stand-in for Pinterest's OAuth, for tests.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=_port, default=0, help="port of www; 0: a free one")
    add("--api-port", type=_port, default=0, help="port of the API")
    add("--sandbox-port", type=_port, default=0, help="port of its sandbox")
    add("--control-port", type=_port, default=0, help="port for /_emulator/")
    add("--ready-file", type=Path, help="gets the origins as JSON when ready")
    add("--ledger-file", type=Path, help="gets the ledger as JSON lines")
    add(
        "--client",
        type=_client,
        action="append",
        default=[],
        metavar="ID:SECRET:REDIRECT_URI[,REDIRECT_URI]",
        help="registers an app; may be repeated",
    )
    for name, what in (
        ("access-ttl", "life of an access token"),
        ("refresh-ttl", "life of a refresh token"),
        ("code-ttl", "life of an authorization code"),
        ("reuse-grace", "how long the policy grace is graceful"),
    ):
        value = getattr(defaults, name.replace("-", "_"))
        add(f"--{name}", type=int, default=value, help=f"{what}, seconds")
    add(
        "--reuse",
        choices=REUSE_POLICIES,
        default=defaults.reuse,
        help="what a spent refresh token does",
    )
    add(
        "--pkce",
        choices=PKCE_MODES,
        default=defaults.pkce,
        help="how code_challenge and code_verifier are treated",
    )
    add(
        "--auto-approve",
        action="store_true",
        help="redirect at once instead of asking",
    )
    add("--login", default=defaults.login, help="who is preselected")
    return parser


def _config(args: argparse.Namespace) -> Config:
    switches = (
        "access_ttl",
        "refresh_ttl",
        "code_ttl",
        "reuse_grace",
        "reuse",
        "pkce",
        "auto_approve",
        "login",
    )
    return Config().updated(Fields({n: getattr(args, n) for n in switches}))


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return port


def _client(text: str) -> App:
    parts = text.split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise argparse.ArgumentTypeError(
            "must be ID:SECRET:REDIRECT_URI[,REDIRECT_URI]"
        )
    client_id, secret, uris = parts
    return App(client_id, secret, tuple(uris.split(",")), client_id, "owner")
