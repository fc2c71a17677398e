from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, sys
from arb.api import HttpTransport, WebSocketTransport
from arb.net import open_transports

async def main():
    async with open_transports() as (http, websocket):
        loaded = sorted({"aiohttp", "websockets", "yarl", "ssl"} & set(sys.modules))
        print(loaded)

asyncio.run(main())
"""


def test_nothing_heavy_is_imported_before_the_first_use() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    loaded = done.stdout.strip()
    assert "aiohttp" not in loaded
    assert "websockets" not in loaded
    assert "yarl" not in loaded
