"""Watches every guarded rollout and halts it when a guard is breached; what was halted it tells as an alert.

It looks every half minute or so. How often makes no difference to how likely it is wrong: see `sequences`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from foundation.clock import Clock
from foundation.errors import VigiaError
from platform_core.monitoring.alert import Alert, AlertKind
from platform_core.monitoring.monitor import SOURCE, fingerprint
from platform_core.operations.resources import Resource, ResourceReader
from platform_core.operations.rollout_spec import GuardMetric, RolloutSpec
from platform_core.operations.timeline import OperationsReader
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.serving.rollouts.guards import GuardVerdict
from platform_core.serving.rollouts.halting import Brake, Control, spec_of
from platform_core.serving.rollouts.history import PastRollout, evidence_since
from platform_core.serving.rollouts.judging import RolloutCase, RolloutVerdict, began, case_key, past_of, verdict_of
from platform_core.serving.rollouts.states import state_of
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

_log = logging.getLogger(__name__)

ACTOR = "service:rollout-watch"
KINDS: dict[GuardMetric, AlertKind] = {
    "latency": "latency",
    "errors": "errors",
    "score": "score_shift",
    "decline_rate": "score_shift",
    "declined_amount": "score_shift",
}
_BY_HAND: tuple[str, AlertKind] = ("none", "score_shift")


class RolloutWatch:
    """`step` once per look. `settle` is how long a row may take from its request into the log: younger ones are left
    for the next look. `verdicts` holds the last word on every endpoint that is rolled out; `problems` says what could
    not be judged."""

    def __init__(
        self,
        resources: ResourceReader,
        operations: OperationsReader,
        log: DeltaPredictionLog,
        brake: Brake,
        clock: Clock,
        *,
        settle: timedelta = timedelta(seconds=5),
        told: Callable[[RolloutVerdict], None] = lambda _verdict: None,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._log = log
        self._brake = brake
        self._clock = clock
        self._settle = settle
        self._told = told
        self._cases: dict[str, RolloutCase] = {}
        self._unrecorded: dict[str, tuple[tuple[str, str | None], datetime]] = {}
        self._firing: dict[str, Alert] = {}
        self.verdicts: dict[str, RolloutVerdict] = {}
        self.problems: dict[str, str] = {}

    def step(self) -> list[Alert]:
        """Look at every endpoint once. Returns the alerts that changed: newly halted, or no longer."""
        changed: list[Alert] = []
        self.problems = {}
        there = [r for r in self._resources.list(kind="endpoint") if isinstance(r.spec, RolloutSpec)]
        for resource in there:
            name = parse_urn(resource.urn)[1]
            try:
                changed += self._look(name, resource)
            except VigiaError as error:
                self.problems[name] = str(error)
                _log.warning("the rollout of %s cannot be judged: %s", name, error)
        for gone in self.verdicts.keys() - {parse_urn(r.urn)[1] for r in there}:
            del self.verdicts[gone]
        return changed

    def _look(self, name: str, resource: Resource) -> list[Alert]:
        spec, now = resource.spec, self._clock.now()
        if not isinstance(spec, RolloutSpec) or spec.canary is None:
            self._cases.pop(name, None)
            self._unrecorded.pop(name, None)
            self.verdicts.pop(name, None)
            return self._resolved(name)
        past = past_of(resource, self._operations, now)
        since = self._since(name, resource, past, now)
        if state_of(spec) == "halted":
            self.verdicts[name] = verdict_of(resource, since, self._guards(name))
            return self._fires(name, resource, spec, past)
        verdict = verdict_of(resource, since, self._case(name, resource, since).look(now - self._settle))
        self.verdicts[name] = verdict
        if verdict.advice != "halt":
            return self._resolved(name)
        halted = self._brake.halt(name, actor=ACTOR, reason=verdict.why)
        _log.warning("the rollout of version %s at %s was halted: %s", spec.canary, name, verdict.why)
        self.verdicts[name] = verdict_of(halted, since, verdict.guards)
        self._told(self.verdicts[name])
        return self._fires(name, halted, spec, past_of(halted, self._operations, self._clock.now()))

    def _since(self, name: str, resource: Resource, past: list[PastRollout], now: datetime) -> datetime:
        """Of a rollout that nobody recorded it is what it was at the first look: evidence is gathered from there on."""
        spec = spec_of(resource)
        about = spec.champion, spec.canary
        kept = self._unrecorded.get(name)
        if evidence_since(past) is not None or kept is None or kept[0] != about:
            kept = self._unrecorded[name] = about, began(resource, past, now)
        return kept[1]

    def _case(self, name: str, resource: Resource, since: datetime) -> RolloutCase:
        case = self._cases.get(name)
        if case is None or case.key != case_key(resource, since):
            case = self._cases[name] = RolloutCase(resource, self._log, since)
        return case

    def _guards(self, name: str) -> tuple[GuardVerdict, ...]:
        last = self.verdicts.get(name)
        return () if last is None else last.guards

    def _fires(self, name: str, resource: Resource, spec: RolloutSpec, past: list[PastRollout]) -> list[Alert]:
        if name in self._firing:
            return []
        halts = [step for step in past[-1].steps if step.step == "halted"] if past else []
        at, reason = (halts[-1].at, halts[-1].reason) if halts else (resource.updated_at, "it was halted")
        by_guards: list[tuple[str, AlertKind]] = [(m, k) for m, k in KINDS.items() if reason.startswith(f"guard {m}:")]
        metric, kind = by_guards[0] if by_guards else _BY_HAND
        monitor = f"rollout-{name}"
        alert = Alert(
            source=SOURCE,
            fingerprint=fingerprint(monitor, resource.urn),
            starts_at=at,
            kind=kind,
            subject=resource.urn,
            tenant=resource.tenant,
            severity="critical",
            summary=f"the rollout of {spec.model} {spec.canary} at {name} was halted: {reason}"[:2000],
            labels={"monitor": monitor, "guard": metric, "version": spec.canary or ""},
        )
        self._firing[name] = alert
        return [alert]

    def _resolved(self, name: str) -> list[Alert]:
        alert = self._firing.pop(name, None)
        return [] if alert is None else [alert.model_copy(update={"status": "resolved"})]


def watch_of(view: PlatformView, control: Control, *, settle: timedelta = timedelta(seconds=5)) -> RolloutWatch:
    """Over what `view` shows; of `control` it uses the brake only."""
    log = DeltaPredictionLog(view.offline)
    return RolloutWatch(view.resources, view.operations, log, Brake(control), view.clock, settle=settle)
