"""The emulator as a whole: four listeners around one state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pinterest_emulator.clock import Clock
from pinterest_emulator.config import Config
from pinterest_emulator.control import Control
from pinterest_emulator.faults import Faults
from pinterest_emulator.http1 import Handler, Listener
from pinterest_emulator.ledger import Ledger
from pinterest_emulator.pinterest import Pinterest
from pinterest_emulator.state import App, State


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; 0 takes a free port."""

    www: int = 0
    api: int = 0
    sandbox: int = 0
    control: int = 0


@dataclass(slots=True)
class ServerOptions:
    host: str = "127.0.0.1"
    ports: Ports = field(default_factory=Ports)
    config: Config = field(default_factory=Config)
    apps: Iterable[App] = ()
    ledger_file: Path | None = None


class Server:
    """Not to be started again once stopped."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        clock = Clock()
        state = State(clock, options.config)
        for app in options.apps:
            state.apps[app.client_id] = app
        self._ledger = Ledger(clock, options.ledger_file)
        faults = Faults()
        self._pinterest = Pinterest(state, self._ledger, faults)
        self._control = Control(state, self._ledger, faults)
        self._listeners: list[Listener] = []

    async def start(self) -> dict[str, str]:
        """Listens and returns the origins by name: www, api, sandbox,
        control."""
        ports = self._options.ports
        pinterest = self._pinterest
        www = await self._listen(pinterest.www, ports.www)
        api = await self._listen(pinterest.api(sandbox=False), ports.api)
        sandbox = await self._listen(pinterest.api(sandbox=True), ports.sandbox)
        control = await self._listen(self._control.handle, ports.control)
        pinterest.origins = {
            "www.pinterest.com": www,
            "api.pinterest.com": api,
            "api-sandbox.pinterest.com": sandbox,
            "the control interface": control,
        }
        return {"www": www, "api": api, "sandbox": sandbox, "control": control}

    async def stop(self) -> None:
        for listener in self._listeners:
            await listener.stop()
        self._ledger.close()

    async def _listen(self, handler: Handler, port: int) -> str:
        listener = Listener(handler)
        self._listeners.append(listener)
        host = self._options.host
        port = await listener.start(host, port)
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}"
