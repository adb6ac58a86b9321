"""The connection to Redis that an event loop shares: whoever asks a server that hangs is told so."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from foundation.errors import Unavailable
from platform_core.features.online.redis_pipe import RedisPipe


def test_the_only_one_who_asks_a_server_that_hangs_is_told() -> None:
    async def greets_and_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"+PONG\r\n")
        with suppress(ConnectionError):
            await reader.read()  # until the other side goes
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(greets_and_hangs, "127.0.0.1", 0)
        pipe = RedisPipe(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout_s=0.2)
        with pytest.raises(Unavailable, match="it answered nothing"):
            await asyncio.wait_for(pipe.ask("GET", ["a"]), 20)
        pipe.close()
        server.close()
        await asyncio.sleep(0.1)  # the server's side ends too

    asyncio.run(ask())


def test_a_line_on_which_nobody_waits_stays() -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(1000):
                writer.write(b"+PONG\r\n")
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(answers, "127.0.0.1", 0)
        pipe = RedisPipe(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout_s=0.1)
        for _ in range(2):
            assert await pipe.ask("GET", ["a"]) == b"PONG"
            line = pipe._line  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0.3)
            assert line is pipe._line  # pyright: ignore[reportPrivateUsage]
            assert line is not None
            assert not line.closed
        pipe.close()
        server.close()
        await asyncio.sleep(0.1)  # the server's side ends too

    asyncio.run(ask())
