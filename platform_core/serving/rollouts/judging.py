"""One endpoint's rollout, judged: what the guards say so far and what follows from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from foundation.frozen import Frozen
from platform_core.access.principals import Environment
from platform_core.operations.resources import Resource
from platform_core.operations.rollout_spec import RolloutSpec, RolloutStrategy
from platform_core.operations.timeline import OperationsReader
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.serving.rollouts.guards import GuardVerdict, judges
from platform_core.serving.rollouts.halting import spec_of
from platform_core.serving.rollouts.history import PastRollout, evidence_since, history
from platform_core.serving.rollouts.observations import Reader
from platform_core.serving.rollouts.states import RolloutState, state_of
from platform_core.urn import parse_urn

LOOK_BACK = timedelta(days=60)

Advice = Literal["none", "wait", "halt", "promote", "roll back"]


class RolloutVerdict(Frozen):
    """Where the rollout is and what the guards advise. `none`: nothing is rolled out, or nothing guards it."""

    endpoint: str
    tenant: str | None
    environment: Environment
    model: str
    state: RolloutState
    strategy: RolloutStrategy
    champion: str
    candidate: str | None
    percent: int
    since: datetime | None
    guards: tuple[GuardVerdict, ...] = ()
    advice: Advice
    why: str


class RolloutCase:
    """The evidence of one rollout, gathered look by look; each row of the log is read once."""

    def __init__(self, resource: Resource, log: DeltaPredictionLog, since: datetime) -> None:
        spec = spec_of(resource)
        if spec.canary is None:
            raise ValueError("nothing is rolled out")
        self.key = case_key(resource, since)
        self.since = since
        self._reader = Reader(log, parse_urn(resource.urn)[1], spec.canary, spec.champion, since)
        self._judges = judges(spec.guards, alpha=spec.guard_alpha, decline_threshold=spec.decline_threshold)

    def look(self, until: datetime) -> tuple[GuardVerdict, ...]:
        for scored in self._reader.until(until):
            for judge in self._judges:
                judge.add(scored)
        return tuple(judge.verdict() for judge in self._judges)


def case_key(resource: Resource, since: datetime) -> tuple[object, ...]:
    """What evidence is about: of another candidate, champion, guard or beginning it begins anew."""
    spec = spec_of(resource)
    return spec.champion, spec.canary, spec.guards, spec.guard_alpha, spec.decline_threshold, since


def past_of(resource: Resource, operations: OperationsReader, now: datetime) -> list[PastRollout]:
    """Rollouts of the endpoint in the last 60 days."""
    events = operations.changes(now - LOOK_BACK, now, subjects=[resource.urn], kinds=["rollout"])
    return history(events)


def began(resource: Resource, past: list[PastRollout], now: datetime) -> datetime:
    """From when on answers count; of a rollout that nobody recorded, the last day, which whoever looks again and again
    has to keep as it was at first."""
    return evidence_since(past) or max(now - timedelta(days=1), now - LOOK_BACK)


def verdict_of(resource: Resource, since: datetime | None, guards: tuple[GuardVerdict, ...]) -> RolloutVerdict:
    spec = spec_of(resource)
    state = state_of(spec)
    advice, why = _advice(state, spec, guards)
    return RolloutVerdict(
        endpoint=parse_urn(resource.urn)[1],
        tenant=resource.tenant,
        environment=resource.environment,
        model=spec.model,
        state=state,
        strategy=spec.strategy,
        champion=spec.champion,
        candidate=spec.canary,
        percent=spec.live_percent,
        since=since,
        guards=guards,
        advice=advice,
        why=why,
    )


def _advice(state: RolloutState, spec: RolloutSpec, guards: tuple[GuardVerdict, ...]) -> tuple[Advice, str]:
    if state == "none":
        return "none", "nothing is rolled out"
    if state == "halted":
        return "roll back", f"version {spec.canary} was halted: roll it back, or let it go on knowingly"
    breached = [guard for guard in guards if guard.standing == "breached"]
    if breached:
        return "halt", breached[0].said
    waiting = [guard.metric for guard in guards if guard.standing == "undecided"]
    if waiting:
        return "wait", f"too early to say: {', '.join(waiting)}"
    if not guards:
        return "none", "the endpoint declares no guard: nothing watches this rollout but the monitors"
    good = f"version {spec.canary} is within every limit, for certain"
    return ("wait", f"{good}; it answers nobody yet") if state == "pending" else ("promote", good)


def judge_now(
    resource: Resource, log: DeltaPredictionLog, operations: OperationsReader, now: datetime
) -> RolloutVerdict:
    """All evidence read at once, for whoever asks in passing."""
    spec = spec_of(resource)
    if spec.canary is None:
        return verdict_of(resource, None, ())
    since = began(resource, past_of(resource, operations, now), now)
    return verdict_of(resource, since, RolloutCase(resource, log, since).look(now))
