"""`/metrics` of a server of several processes: whichever answers, it tells of all of them.

Each process writes what it has counted into a file of its own, about twice a second, and whoever is scraped adds up
these files. Its own numbers are taken from its file too: were they newer than what the others know of it, the next
scrape, answered by another, would tell of less, which reads as a restart. Counters and histograms of a process that is
gone stay in the sum, so that no total ever falls; its gauges do not, but for what it lost of the prediction log. A
process that was killed loses what it counted since it last wrote.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest

SUMMED_GAUGES = frozenset(
    {
        "vigia_predictions_in_flight",
        "vigia_prediction_log_dropped",
        "vigia_prediction_shadows_failed",
        "vigia_prediction_log_lost",
        "vigia_prediction_log_waiting",
    }
)
"""All other gauges say the same in every process, or the largest is what matters."""

KEPT_GAUGES = frozenset({"vigia_prediction_log_dropped", "vigia_prediction_log_lost"})
"""What a process that is gone has lost stays lost."""

_Labels = tuple[tuple[str, str], ...]


class SharedMetrics:
    """The file `<pid>.json` in `directory` for this process, and the sum over all."""

    def __init__(self, directory: Path, *, interval: float = 0.5) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._own = directory / f"{os.getpid()}.json"
        self._interval = interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, registries: Sequence[CollectorRegistry]) -> None:
        def write() -> None:
            while not self._stop.wait(self._interval):
                self.publish(registries)
            self.publish(registries)

        self._thread = threading.Thread(target=write, name="shared-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def publish(self, registries: Sequence[CollectorRegistry]) -> None:
        partial = self._own.with_suffix(".partial")
        partial.write_text(json.dumps(_families(registries)), encoding="utf-8")
        partial.replace(self._own)

    def expose(self, registries: Sequence[CollectorRegistry]) -> bytes:
        """The sum in Prometheus' text format."""
        found: dict[str, _Family] = {}
        if not self._own.exists():
            self.publish(registries)
        for path in sorted(self._directory.glob("*.json")):
            _add(found, json.loads(path.read_text(encoding="utf-8")), alive=_alive(int(path.stem)))
        registry = CollectorRegistry()
        registry.register(_Summed(found.values()))  # type: ignore[arg-type]  # anything with collect()
        return generate_latest(registry)


class _Family:
    def __init__(self, name: str, kind: str, text: str) -> None:
        self.name, self.kind, self.text = name, kind, text
        self.samples: dict[tuple[str, _Labels], float] = {}

    def add(self, sample: str, labels: _Labels, value: float) -> None:
        key = sample, labels
        known = self.samples.get(key)
        if known is None:
            self.samples[key] = value
        elif sample.endswith("_created"):
            self.samples[key] = min(known, value)
        elif self.kind == "gauge" and self.name not in SUMMED_GAUGES:
            self.samples[key] = max(known, value)
        else:
            self.samples[key] = known + value


class _Summed:
    def __init__(self, families: Iterable[_Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.text, family.kind)
            for (sample, labels), value in family.samples.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def _families(registries: Sequence[CollectorRegistry]) -> list[Any]:
    return [
        [family.name, family.type, family.documentation, [[s.name, dict(s.labels), s.value] for s in family.samples]]
        for registry in registries
        for family in registry.collect()
    ]


def _add(found: dict[str, _Family], families: Iterable[Any], *, alive: bool) -> None:
    for name, kind, text, samples in families:
        if kind == "gauge" and not alive and name not in KEPT_GAUGES:
            continue
        family = found.setdefault(name, _Family(name, kind, text))
        for sample, labels, value in samples:
            family.add(sample, tuple(labels.items()), value)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
