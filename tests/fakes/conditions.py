"""Whether a post-condition holds just now, as the verifier asks, without waiting for it."""

from __future__ import annotations

from datetime import timedelta

from agents.incident.verify import Verifier
from foundation.clock import FixedClock
from guardrails.proposal import PostCondition
from platform_core.view import PlatformView
from tests.fakes.observed_platform import NOW
from tools.contract import Observation
from tools.registry import observe_tools
from tools.runner import ToolRunner


def holds(view: PlatformView, *conditions: PostCondition) -> bool:
    """Whether all of them do, by the verifier's own judgement of one poll."""
    runner = ToolRunner(view, observe_tools())
    clock = FixedClock(NOW)

    def probe(tool: str, arguments: dict[str, object]) -> Observation:
        clock.advance(timedelta(days=1))
        return runner.run(tool, arguments).observation

    return Verifier(probe, clock, sleep=lambda _s: None).verify("exe_1", conditions).verified
