"""Did it work? The declared post-conditions are probed until they all hold or time runs out."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.incident.state import Watch
from agents.incident.types import VerificationResult
from foundation.clock import Clock
from guardrails.proposal import PostCondition
from tools.contract import Figure, Observation

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

Probe = Callable[[str, dict[str, Any]], Observation]


class Verifier:
    """Looks once per call: whoever calls it lets go of thread and lease until the next look, `pause` seconds later.

    A look comes every `interval` of the platform's clock, but never more often than the wall can bear.
    """

    def __init__(
        self,
        probe: Probe,
        clock: Clock,
        *,
        interval: timedelta = timedelta(seconds=15),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._wall = wall
        self.pause = max(interval.total_seconds() / clock.speed, 0.1)
        """Between two looks, in seconds of the wall."""

    def look(
        self, execution_id: str, conditions: Sequence[PostCondition], watch: Watch | None
    ) -> VerificationResult | Watch:
        """The result, or the watch to be handed back at the next look. All conditions must hold in the same look.
        Without any condition the target's receipt is the proof."""
        if watch is None:
            within = timedelta(seconds=max((c.within_seconds for c in conditions), default=0.0))
            watch = Watch(until=(self._clock.now() + within).isoformat(), began_wall=self._wall(), attempts=0)
        watch = Watch(until=watch["until"], began_wall=watch["began_wall"], attempts=watch["attempts"] + 1)
        checks = [self._check(condition) for condition in conditions]
        verified = all(held for held, _ in checks)
        if not verified and self._clock.now() < datetime.fromisoformat(watch["until"]):
            return watch
        return VerificationResult(
            execution_id=execution_id,
            verified=verified,
            checks=tuple(line for _, line in checks) or ("the target confirmed the change; nothing else to probe",),
            attempts=watch["attempts"],
            wall_seconds=round(max(self._wall() - watch["began_wall"], 0.0), 3),
        )

    def _check(self, condition: PostCondition) -> tuple[bool, str]:
        observation = self._probe(condition.tool, condition.arguments)
        seen = observation.figures.get(condition.figure)
        wanted = f"{condition.figure} {condition.operator} {_shown(condition.threshold)}"
        if observation.status != "success" or seen is None:
            return False, f"{condition.description}: {wanted}, but {observation.note or observation.summary}"
        held = _holds(seen, condition)
        return held, f"{condition.description}: {_shown(seen)} ({wanted}) {'holds' if held else 'does not hold'}"


def _holds(seen: Figure, condition: PostCondition) -> bool:
    try:
        return _COMPARE[condition.operator](seen, condition.threshold)
    except TypeError:
        # A text where a number was promised is not a proof of anything.
        return False


def _shown(value: Figure) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
