"""The circuit breakers of a worker: one for each endpoint, whose budget says what is too slow for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from foundation.errors import Unavailable, VigiaError
from platform_core.serving.breaker import Breaker, State
from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.metrics import ServingMetrics

Tell = Callable[[str, str, bool], None]
"""That an endpoint (its name, its tenant) goes without the online store from now on, or has it again. May block."""

_About = tuple[str, str, str]
"""Endpoint, tenant, feature service."""

_logger = logging.getLogger(__name__)


class CircuitOpen(Unavailable):
    """The online store failed again and again: it is not asked now."""


class Circuits:
    """Made on an event loop's thread and used there; `forget` may be called by any."""

    def __init__(self, metrics: ServingMetrics, tell: Tell = lambda endpoint, tenant, opened: None) -> None:
        self._metrics = metrics
        self._tell = tell
        self._breakers: dict[_About, Breaker] = {}

    def of(self, served: ServedEndpoint) -> Breaker:
        """Of what it reads now: another tenant's or service's failures are not its own."""
        about = served.name, served.tenant, served.spec.feature_service
        breaker = self._breakers.get(about)
        if breaker is None:
            self._drop(lambda other: other[0] == served.name)  # the endpoint was that once
            shown = self._metrics.store_circuit.labels(served.name)
            shown.set(0)

            def changed(was: State, now: State) -> None:
                if about not in self._breakers:
                    return  # forgotten while it was asked
                shown.set(0 if now == "closed" else 1)
                if was == "closed" or now == "closed":
                    # Seldom, and whoever waits for an answer does not wait for a database.
                    told = (served.name, served.tenant, now == "open")
                    threading.Thread(target=self._say, args=told, name="store-circuit", daemon=True).start()

            breaker = self._breakers[about] = Breaker(changed=changed)
        return breaker

    def forget(self, served: Collection[str]) -> None:
        self._drop(lambda about: about[0] not in served)

    def _drop(self, which: Callable[[_About], bool]) -> None:
        for about in [each for each in tuple(self._breakers) if which(each)]:
            self._breakers.pop(about, None)
            self._metrics.store_circuit.labels(about[0]).set(0)  # nobody goes without any more

    def _say(self, endpoint: str, tenant: str, opened: bool) -> None:
        _logger.warning("%s %s the online store", endpoint, "goes without" if opened else "has again")
        try:
            self._tell(endpoint, tenant, opened)
        except VigiaError as error:
            _logger.warning("that could not be put on the timeline: %s", error)
