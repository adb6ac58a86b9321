"""What Prometheus sees of the rollouts that are under way."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from platform_core.running.rollout_watch import RolloutWatch

_STANDINGS = {"breached": 1.0, "undecided": 0.0, "clear": -1.0}


class RolloutGauges:
    def __init__(self, registry: CollectorRegistry) -> None:
        of = ["endpoint", "version"]
        self._percent = Gauge("vigia_rollout_percent", "Share that the candidate answers.", of, registry=registry)
        self._halted = Gauge("vigia_rollout_halted", "1 while the candidate is halted.", of, registry=registry)
        self._ready = Gauge("vigia_rollout_ready", "1 when every guard is within its limit.", of, registry=registry)
        self._standing = Gauge(
            "vigia_rollout_guard", "1 breached, -1 within its limit, 0 too early.", [*of, "guard"], registry=registry
        )
        self._bound = Gauge(
            "vigia_rollout_guard_bound",
            "How much worse than the champion it may be and is at least, in the unit of the guard's limit.",
            [*of, "guard", "side"],
            registry=registry,
        )

    def update(self, watch: RolloutWatch) -> None:
        for gauge in (self._percent, self._halted, self._ready, self._standing, self._bound):
            gauge.clear()
        for verdict in watch.verdicts.values():
            labels = verdict.endpoint, verdict.candidate or ""
            self._percent.labels(*labels).set(verdict.percent)
            self._halted.labels(*labels).set(verdict.state == "halted")
            self._ready.labels(*labels).set(verdict.advice == "promote")
            for guard in verdict.guards:
                self._standing.labels(*labels, guard.metric).set(_STANDINGS[guard.standing])
                self._bound.labels(*labels, guard.metric, "low").set(guard.low)
                self._bound.labels(*labels, guard.metric, "high").set(guard.high)
