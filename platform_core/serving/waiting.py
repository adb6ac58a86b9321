"""Waiting for the online store without holding up the event loop, and never longer than there is time."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import ClassVar, NamedTuple

from foundation.errors import Unavailable, VigiaError
from platform_core.serving.ports import FeatureReader, FeatureRows, Keys

_logger = logging.getLogger(__name__)

MOST_PUT_OFF = 1_000
"""Requests that wait for a thread at once."""


class StoreLate(Unavailable):
    """The time for this request ran out before the online store answered."""


class StoreFailed(Unavailable):
    """The online store answered what nobody expected, bytes that are no row, say: that is said of this request only."""

    code: ClassVar[str] = "store_failed"


class _Job(NamedTuple):
    reader: FeatureReader
    rows: Sequence[Keys]
    future: asyncio.Future[FeatureRows]
    loop: asyncio.AbstractEventLoop


class StoreThreads:
    """Up to `most` threads that wait for a store which can only be waited for. What nobody waits for any more is not
    read.

    The thread that finished last is asked next: one that has just worked answers in half the time of one that slept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._backlog: deque[_Job] = deque()
        self._threads: list[tuple[threading.Thread, SimpleQueue[_Job | None]]] = []

    def stop(self, *, seconds: float = 0.5) -> None:
        """Threads that hang in a store that does not answer are left behind; they are daemons."""
        for _, inbox in self._threads:
            inbox.put(None)
        for thread, _ in self._threads:
            thread.join(timeout=seconds / len(self._threads))

    async def read(self, reader: FeatureReader, rows: Sequence[Keys], seconds: float) -> FeatureRows:
        """Raises StoreLate after `seconds`, what the reader raises on purpose, and StoreFailed for all else."""
        if reader.ask is not None:
            try:
                async with asyncio.timeout(seconds):
                    return await reader.ask(rows)
            except TimeoutError:
                raise _late(seconds) from None
            except VigiaError:
                raise
            except Exception as error:
                raise _failed(error) from error
        loop = asyncio.get_running_loop()
        future: asyncio.Future[FeatureRows] = loop.create_future()
        timer = loop.call_later(max(seconds, 0.0), _give_up, future, seconds)
        try:
            self._hand_over(_Job(reader, rows, future, loop))
            return await future
        finally:
            timer.cancel()

    def _hand_over(self, job: _Job) -> None:
        with self._lock:
            if self._idle:
                inbox = self._idle.pop()
            elif len(self._threads) < self._most:
                inbox = self._one_more()
            else:
                self._put_off(job)
                return
        inbox.put(job)

    def _put_off(self, job: _Job) -> None:
        """Raises Unavailable when too many wait. Who gave up waiting is not kept: while the store hangs no thread comes
        by to find that out."""
        backlog = self._backlog
        while backlog and backlog[0].future.done():
            backlog.popleft()
        if len(backlog) >= MOST_PUT_OFF:
            waiting = [each for each in backlog if not each.future.done()]
            backlog.clear()
            backlog.extend(waiting)
            if len(waiting) >= MOST_PUT_OFF:
                raise Unavailable("too many requests wait for the online store", hint="is it up?")
        backlog.append(job)

    def _one_more(self) -> SimpleQueue[_Job | None]:
        inbox: SimpleQueue[_Job | None] = SimpleQueue()
        name = f"online-read-{len(self._threads)}"
        thread = threading.Thread(target=self._work, args=(inbox,), name=name, daemon=True)
        self._threads.append((thread, inbox))
        thread.start()
        return inbox

    def _work(self, inbox: SimpleQueue[_Job | None]) -> None:
        job = inbox.get()
        while job is not None:
            if not job.future.done():
                _do(job)
            with self._lock:
                job = self._backlog.popleft() if self._backlog else None
                if job is None:
                    self._idle.append(inbox)
            job = job or inbox.get()


def _do(job: _Job) -> None:
    try:
        found = job.reader.read(job.rows)
    except VigiaError as error:
        _deliver(job, _fail, error)
    except Exception as error:  # noqa: BLE001 it is the request's, which is waiting for it: the thread goes on
        _deliver(job, _fail, _failed(error))
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


def _failed(error: Exception) -> StoreFailed:
    _logger.error("what the online store answered could not be read", exc_info=error)
    return StoreFailed("the features could not be read", hint="see the server's log")


def _late(seconds: float) -> StoreLate:
    message = f"the online store did not answer within {seconds * 1000:.0f} ms"
    return StoreLate(message, hint="ask again, or let the endpoint declare a fallback")
