"""Every answer of the pipelined connection goes to who asked for it, whatever else went wrong on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import hiredis
import pytest

from foundation.errors import InvalidInput, Unavailable
from platform_core.features.online.redis_asked import AskedRedis
from platform_core.features.online.redis_pipe import RedisPipe
from tests.conftest import NIGHT


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """MGET is answered with the keys themselves; with nothing for one that ends in `lacking`."""
    commands = hiredis.Reader()
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            commands.feed(data)
            while (command := commands.gets()) is not False:
                if command[0] == b"PING":
                    writer.write(b"+PONG\r\n")
                    continue
                keys = [key for key in command[1:] if not key.endswith(b"lacking")]
                writer.write(b"*%d\r\n" % len(keys) + b"".join(b"$%d\r\n%s\r\n" % (len(key), key) for key in keys))
    writer.transport.abort()


def _told(story: Callable[[str], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server:
            await story(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=5)  # the connections, which end with their callers'
            await asyncio.sleep(0)

    asyncio.run(whole())


def test_a_command_that_cannot_be_packed_has_no_place_in_the_line() -> None:
    async def story(url: str) -> None:
        pipe = RedisPipe(url, timeout_s=5)
        assert await pipe.ask("MGET", ["warm"]) == [b"warm"]
        with pytest.raises(InvalidInput, match="cannot be sent"):
            await pipe.ask("MGET", ["\ud800"])
        both = asyncio.gather(pipe.ask("MGET", ["customer-a"]), pipe.ask("MGET", ["customer-b"]))
        assert await asyncio.wait_for(both, 5) == [[b"customer-a"], [b"customer-b"]]
        pipe.close()

    _told(story)


def test_a_write_that_fails_ends_the_connection() -> None:
    async def story(url: str) -> None:
        pipe: Any = RedisPipe(url, timeout_s=5)
        await pipe.ask("MGET", ["warm"])
        line = pipe._line
        assert line is not None
        line._pack = lambda command: "no bytes"
        with pytest.raises(TypeError):
            await pipe.ask("MGET", ["a"])
        assert line.closed
        assert await pipe.ask("MGET", ["b"]) == [b"b"], "on a connection of its own"
        pipe.close()

    _told(story)


def test_an_answer_of_another_length_is_nobodys() -> None:
    async def story(url: str) -> None:
        asked = AskedRedis(url, timeout_s=5)
        with pytest.raises(Unavailable, match="answered 0 of 1 rows"):
            await asked.ask_views("br", [("view", ["lacking"])], now=NIGHT, ttls={})
        asked.close()

    _told(story)
