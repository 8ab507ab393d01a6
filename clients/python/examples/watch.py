"""Prints what happens to an application's connections, as it happens.

    python watch.py

Begins with the connections as they are. Where ValetKey is, and the API key,
come from the environment: VALETKEY_ADDRESS, VALETKEY_API_KEY,
VALETKEY_APPLICATION.
"""

from __future__ import annotations

import asyncio

from valetkey import aio
from valetkey.v1 import ConnectionState, EventType


async def main() -> None:
    async with aio.Client() as client, client.watch(snapshot=True) as watch:
        async for message in watch:
            if message.HasField("connection"):
                known = message.connection
                state = ConnectionState.Name(known.state)
                print(f"{known.name}: {state}", flush=True)
            elif message.HasField("event"):
                event = message.event
                kind = EventType.Name(event.type)
                print(
                    f"{event.connection}: {kind}, "
                    f"generation {event.generation}",
                    flush=True,
                )
            # A program that must miss nothing keeps message.cursor, and begins
            # with client.watch(cursor=...) after its restart.


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
