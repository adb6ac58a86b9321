"""Whether a post-condition holds just now, as the verifier asks, without waiting for it."""

from __future__ import annotations

from agents.incident.types import VerificationResult
from agents.incident.verify import Verifier, Watch
from foundation.clock import FixedClock
from guardrails.proposal import PostCondition
from platform_core.view import PlatformView
from tests.fakes.observed_platform import NOW
from tools.registry import observe_tools
from tools.runner import ToolRunner


def holds(view: PlatformView, *conditions: PostCondition) -> bool:
    """Whether all of them do, by the verifier's own judgement of one poll."""
    runner = ToolRunner(view, observe_tools())
    verifier = Verifier(lambda tool, arguments: runner.run(tool, arguments).observation, FixedClock(NOW))
    result = verifier.look("exe_1", conditions, Watch(until=NOW.isoformat(), began_wall=0.0, attempts=0))
    assert isinstance(result, VerificationResult), "its time is over: it must decide"
    return result.verified
