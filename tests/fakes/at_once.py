"""Several calls that begin at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from foundation.errors import VigiaError


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What each said, all begun at the same moment: its answer, or its refusal. Anything else is a failure."""
    ready = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        ready.wait()
        try:
            return call()
        except VigiaError as refusal:
            return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def refusals(said: list[object]) -> list[str]:
    return [one.message for one in said if isinstance(one, VigiaError)]
