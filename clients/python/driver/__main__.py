"""`python -m driver [--sync]`: which of the two worlds is driven."""

from __future__ import annotations

import asyncio
import sys

from driver.lines import serve
from driver.loops import LoopDriver
from driver.threads import ThreadDriver

if __name__ == "__main__":
    asyncio.run(serve(ThreadDriver() if "--sync" in sys.argv else LoopDriver()))
