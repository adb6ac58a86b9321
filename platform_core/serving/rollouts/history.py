"""How rollouts went, read off the endpoint's change events: each is one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from foundation.frozen import Frozen
from platform_core.operations.timeline import ChangeEvent

Outcome = Literal["under way", "halted", "promoted", "rolled back"]
StepName = Literal["started", "share set", "halted", "resumed", "promoted", "rolled back", "champion back"]


class RolloutStepTaken(Frozen):
    at: datetime
    step: StepName
    by: str
    percent: int
    reason: str
    change_event_id: str


class PastRollout(Frozen):
    """One version's way through an endpoint. `outcome` is as of the newest event."""

    endpoint: str
    version: str
    strategy: str
    outcome: Outcome
    steps: tuple[RolloutStepTaken, ...]

    @property
    def started_at(self) -> datetime:
        return self.steps[0].at


def history(events: Iterable[ChangeEvent]) -> list[PastRollout]:
    """Rollouts of one endpoint, oldest first, from its events of kind `rollout` in their order."""
    found: list[PastRollout] = []
    strategy = "canary"
    for event in events:
        before: dict[str, Any] = event.details.get("before", {})
        after: dict[str, Any] = event.details.get("after", {})
        strategy = after.get("strategy", strategy)
        if after.get("canary") is not None:
            if found and found[-1].outcome in ("under way", "halted"):
                found[-1] = _with(found[-1], event, "rolled back", "rolled back", 0)
            percent = int(after.get("canary_percent", 0))
            new = PastRollout(
                endpoint=event.subject,
                version=str(after["canary"]),
                strategy=strategy,
                outcome="under way",
                steps=(_step(event, "started", percent),),
            )
            found.append(new)
            continue
        if not found:
            continue
        current = found[-1]
        percent = int(after.get("canary_percent", current.steps[-1].percent))
        if "canary" in after:
            promoted = after.get("champion") == before.get("canary") is not None
            ended: Outcome = "promoted" if promoted else "rolled back"
            found[-1] = _with(current, event, "promoted" if promoted else "rolled back", ended, 0)
        elif "champion" in after:
            found[-1] = _with(current, event, "champion back", "rolled back", 0)
        elif after.get("halted") is not None:
            found[-1] = _with(current, event, "halted", "halted", 0)
        elif "halted" in after:
            found[-1] = _with(current, event, "resumed", "under way", percent)
        elif "canary_percent" in after:
            found[-1] = _with(current, event, "share set", current.outcome, percent)
    return found


def evidence_since(past: list[PastRollout]) -> datetime | None:
    """From when on the newest rollout's answers count: its beginning, or when it was let go on."""
    if not past or past[-1].outcome in ("promoted", "rolled back"):
        return None
    return next(step.at for step in reversed(past[-1].steps) if step.step in ("started", "resumed"))


def _with(past: PastRollout, event: ChangeEvent, step: StepName, outcome: Outcome, percent: int) -> PastRollout:
    return past.model_copy(update={"outcome": outcome, "steps": (*past.steps, _step(event, step, percent))})


def _step(event: ChangeEvent, step: StepName, percent: int) -> RolloutStepTaken:
    reason = str(event.details.get("reason", event.summary))
    return RolloutStepTaken(
        at=event.at, step=step, by=event.author, percent=percent, reason=reason, change_event_id=event.id
    )
