"""From the counters of a process to hourly usage."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry

from foundation.clock import Clock
from foundation.errors import VigiaError
from platform_core.operations.usage import UsageHour, UsageRecorder, UsageUnit, hour_of
from platform_core.urn import urn

_logger = logging.getLogger(__name__)
_Key = tuple[str, str | None, UsageUnit]
_Sample = tuple[str, tuple[tuple[str, str], ...]]
Subjects = Callable[[Mapping[str, str]], Iterable[tuple[str, str | None]]]
"""From a sample's labels to (URN, tenant) of everything that its growth is charged to."""


@dataclass(frozen=True)
class Counted:
    """A counter's sample by name, and what it counts."""

    sample: str
    unit: UsageUnit
    subjects: Subjects


class UsageCollector:
    """`collect` adds what the counters of `registries` grew by since the last time. Nothing is lost while the database
    is away: what could not be added is added next time, within the hour it is then."""

    def __init__(
        self,
        registries: Callable[[], Iterable[CollectorRegistry]],
        counted: Iterable[Counted],
        recorder: UsageRecorder,
        clock: Clock,
    ) -> None:
        self._registries = registries
        self._counted = {each.sample: each for each in counted}
        self._recorder = recorder
        self._clock = clock
        self._seen: WeakKeyDictionary[CollectorRegistry, dict[_Sample, float]] = WeakKeyDictionary()
        self._pending: dict[_Key, float] = defaultdict(float)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def collect(self) -> None:
        """Raises Unavailable."""
        for registry in self._registries():
            for family in registry.collect():
                for sample in family.samples:
                    counted = self._counted.get(sample.name)
                    if counted is not None:
                        self._grow(self._seen.setdefault(registry, {}), counted, sample.labels, sample.value)
        hour = hour_of(self._clock.now())
        records = [
            UsageHour(hour=hour, subject=subject, tenant=tenant, unit=unit, quantity=quantity)
            for (subject, tenant, unit), quantity in self._pending.items()
        ]
        self._recorder.add_usage(records)
        self._pending.clear()

    def _grow(self, seen: dict[_Sample, float], counted: Counted, labels: Mapping[str, str], value: float) -> None:
        key = counted.sample, tuple(sorted(labels.items()))
        grown = value - seen.get(key, 0.0)
        # Whose it is may have to be looked up, and fail: then nothing was seen yet.
        charged = list(counted.subjects(labels)) if grown > 0 else []
        seen[key] = value
        for subject, tenant in charged:
            self._pending[subject, tenant, counted.unit] += grown

    def start(self, seconds: float = 60.0) -> None:
        """Collect every so many seconds of the wall, in a thread, until `stop`."""
        self._thread = threading.Thread(target=self._run, args=(seconds,), name="usage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            self._collect_safely()
        self._collect_safely()

    def _collect_safely(self) -> None:
        try:
            self.collect()
        except VigiaError as error:
            _logger.warning("usage could not be stored; it is kept and tried again: %s", error.message)
        except Exception:
            _logger.exception("usage could not be collected; it is tried again")


def serving_usage(tenants: Callable[[str], str | None], models: Callable[[str], str | None]) -> list[Counted]:
    """What the inference server counts. `tenants` and `models`: whose an endpoint is, and which model it serves."""

    def scored(labels: Mapping[str, str]) -> Iterable[tuple[str, str | None]]:
        endpoint = labels["endpoint"]
        tenant, model = tenants(endpoint), models(endpoint)
        yield urn("endpoint", endpoint), tenant
        if model is not None:
            yield urn("model", model), tenant

    def read(labels: Mapping[str, str]) -> Iterable[tuple[str, str | None]]:
        yield urn("feature_view", labels["view"]), None

    return [
        Counted("vigia_predictions_total", "predictions", scored),
        Counted("vigia_online_features_seconds_count", "feature_reads", read),
    ]


def platform_usage() -> list[Counted]:
    """What `vigia platform run` counts."""

    def taken(labels: Mapping[str, str]) -> Iterable[tuple[str, str | None]]:
        if labels["kind"] == "taken":
            yield urn("feature_view", labels["view"]), labels["tenant"]

    return [Counted("vigia_materialization_source_rows_total", "materialized_rows", taken)]
