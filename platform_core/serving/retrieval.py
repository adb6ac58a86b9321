"""Features for a request: within its budget, and not from a store that failed again and again."""

from __future__ import annotations

from time import perf_counter

from foundation.errors import Unavailable
from platform_core.serving.answers import Timing
from platform_core.serving.circuits import CircuitOpen, Circuits
from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.ports import FeatureRows, FeatureSource
from platform_core.serving.questions import Question
from platform_core.serving.waiting import StoreFailed, StoreLate, StoreThreads

_RESERVE_SECONDS = 0.005
"""Of the budget, for what comes after the features; a fifth of it where that is less."""


class Retrieval:
    """Of one worker, on its event loop."""

    def __init__(
        self, features: FeatureSource, threads: StoreThreads, circuits: Circuits, metrics: ServingMetrics
    ) -> None:
        self._features = features
        self._threads = threads
        self._circuits = circuits
        self._metrics = metrics

    async def read(
        self, served: ServedEndpoint, question: Question, timing: Timing, started: float
    ) -> FeatureRows | Unavailable:
        """What was read in time, or why it was not. `started`: when the request had been read, by `perf_counter`."""
        reader = self._features.reader(served.spec.feature_service, served.tenant)
        if not reader.columns:
            return reader.read(())
        circuit = self._circuits.of(served)
        ticket = circuit.admit()
        timing.store_at = reading = perf_counter()
        if ticket is None:
            timing.store_fault = CircuitOpen.__name__
            self._metrics.of(served.name).late("circuit")
            return CircuitOpen("the online store did not answer lately", hint="ask again in a second")
        budget = served.spec.serving.latency_budget_ms / 1000
        left = budget - min(_RESERVE_SECONDS, budget / 5) - (reading - started)
        try:
            found = await self._threads.read(reader, [row.keys for row in question.rows], left)
        except Unavailable as error:
            # Not where it was we who took too long, nor for what may be wrong with one row only.
            if left > 0 and not isinstance(error, StoreFailed):
                circuit.failed(ticket)
            timing.store_fault = type(error).__name__
            self._metrics.of(served.name).late("budget" if isinstance(error, StoreLate) else error.code)
            return error
        else:
            circuit.succeeded(ticket)
        finally:
            circuit.left(ticket)
            timing.waited = perf_counter() - reading
        timing.store = timing.waited
        reader.observe(timing.store)
        return found
