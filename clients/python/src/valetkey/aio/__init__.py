"""ValetKey for asyncio.

    async with valetkey.aio.Client(application="shop") as client:
        source = client.token_source("c-7")
        token = await source.token()

The same as `valetkey` itself, but that calls are awaited. What both worlds have
in common, such as `Token` and the errors, is in `valetkey`.

A client is for one event loop. gRPC shares one poller among all event loops of
a process: where several threads have loops that use it, gRPC may write
harmless `BlockingIOError`s of `PollerCompletionQueue` to the log of asyncio.
"""

from valetkey.aio._client import Client
from valetkey.aio._listing import Listing
from valetkey.aio._source import TokenSource
from valetkey.aio._watch import Watch

__all__ = ["Client", "Listing", "TokenSource", "Watch"]
