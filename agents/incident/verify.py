"""Did it work? The declared post-conditions are probed until they all hold or time runs out."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

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
    """Polls every `interval` of the platform's clock, but never more often than the wall can bear."""

    def __init__(
        self,
        probe: Probe,
        clock: Clock,
        *,
        interval: timedelta = timedelta(seconds=15),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._pause = max(interval.total_seconds() / clock.speed, 0.1)
        self._sleep = sleep

    def verify(self, execution_id: str, conditions: Sequence[PostCondition]) -> VerificationResult:
        """All conditions must hold in the same poll. Without any condition the target's receipt is the proof."""
        began = time.perf_counter()
        deadline = self._clock.now() + timedelta(seconds=max((c.within_seconds for c in conditions), default=0.0))
        attempts = 0
        while True:
            attempts += 1
            checks = [self._check(condition) for condition in conditions]
            verified = all(held for held, _ in checks)
            if verified or self._clock.now() >= deadline:
                break
            self._sleep(self._pause)
        return VerificationResult(
            execution_id=execution_id,
            verified=verified,
            checks=tuple(line for _, line in checks) or ("the target confirmed the change; nothing else to probe",),
            attempts=attempts,
            wall_seconds=round(time.perf_counter() - began, 3),
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
