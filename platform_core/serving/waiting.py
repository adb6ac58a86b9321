"""Waiting for the online store without holding up the event loop, and never longer than there is time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from foundation.errors import Unavailable
from platform_core.serving.ports import FeatureReader, FeatureRows, Keys


class StoreLate(Unavailable):
    """The time for this request ran out before the online store answered."""


class _Job(NamedTuple):
    reader: FeatureReader
    rows: Sequence[Keys]
    future: asyncio.Future[FeatureRows]
    loop: asyncio.AbstractEventLoop


class StoreThreads:
    """A fixed number of threads that wait for a store which can only be waited for. What nobody waits for any more is
    not read."""

    def __init__(self, threads: int) -> None:
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"online-read-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, *, seconds: float = 2.0) -> None:
        """Threads that hang in a store that does not answer are left behind; they are daemons."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=seconds / len(self._threads))

    async def read(self, reader: FeatureReader, rows: Sequence[Keys], seconds: float) -> FeatureRows:
        """Raises StoreLate after `seconds`, and what the reader raises."""
        if reader.ask is not None:
            try:
                async with asyncio.timeout(seconds):
                    return await reader.ask(rows)
            except TimeoutError:
                raise _late(seconds) from None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[FeatureRows] = loop.create_future()
        timer = loop.call_later(max(seconds, 0.0), _give_up, future, seconds)
        self._queue.put(_Job(reader, rows, future, loop))
        try:
            return await future
        finally:
            timer.cancel()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if job.future.done():
                continue
            try:
                found = job.reader.read(job.rows)
            except Exception as error:  # noqa: BLE001 it is the request's, which is waiting for it: the thread goes on
                _deliver(job, _fail, error)
            else:
                _deliver(job, _answer, found)


def _deliver(job: _Job, how: object, what: object) -> None:
    with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
        job.loop.call_soon_threadsafe(how, job.future, what)  # type: ignore[arg-type]


def _answer(future: asyncio.Future[FeatureRows], found: FeatureRows) -> None:
    if not future.done():
        future.set_result(found)


def _fail(future: asyncio.Future[FeatureRows], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _give_up(future: asyncio.Future[FeatureRows], seconds: float) -> None:
    if not future.done():
        future.set_exception(_late(seconds))


def _late(seconds: float) -> StoreLate:
    message = f"the online store did not answer within {seconds * 1000:.0f} ms"
    return StoreLate(message, hint="ask again, or let the endpoint declare a fallback")
