"""A bad version on a guarded endpoint of the simulated company: halted in minutes, told, diagnosed, rolled back."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.diagnosis.engine import diagnose
from agents.diagnosis.probes import probes_for
from agents.diagnosis.proposals import propose
from agents.evidence import Evidence
from foundation.ids import new_id
from platform_core.operations.resources import RolloutSpec
from platform_core.serving.rollouts.states import state_of
from tests.fakes.simulated import forward, simulation
from tools.act import actions
from tools.registry import observe_tools
from tools.runner import ToolRunner

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ENDPOINT = "urn:vigia:endpoint:fraud-mx"
GUARDS = ({"metric": "decline_rate", "limit": 0.03}, {"metric": "score", "limit": 0.3})
WITHIN = 45
"""Simulated minutes; the canary of fraud-mx gets about two requests in each."""


def test_a_guard_halts_it_and_the_copilot_proposes_the_rest(past: Path, tmp_path: Path) -> None:
    with simulation(past, tmp_path / "run") as running:
        resources, clock = running.parts.resources, running.parts.clock

        def spec() -> RolloutSpec:
            found = resources.get(ENDPOINT).spec
            assert isinstance(found, RolloutSpec)
            return found

        resources.patch(
            ENDPOINT, {"guards": GUARDS}, expected_revision=resources.get(ENDPOINT).revision,
            idempotency_key=new_id("test"), actor="human:ana", reason="guards",
        )  # fmt: skip
        running.inject("bad_canary")
        alerts = []
        for _ in range(WITHIN):
            alerts = [a for _, a in forward(running, 1) if a.labels.get("monitor") == "rollout-fraud-mx"]
            if alerts:
                break
        assert (state_of(spec()), spec().live_percent) == ("halted", 0)
        (alert,) = alerts
        assert (alert.kind, alert.subject) == ("score_shift", ENDPOINT)
        calls = probes_for([alert], running.view)
        runs = ToolRunner(running.view, observe_tools()).run_all(calls)
        pieces = [
            Evidence(
                id=f"E{n}", incident_id="inc_1", tool=r.tool, arguments=r.arguments, observation=r.observation,
                digest=r.digest, collected_at=clock.now(), wall_ms=r.wall_ms,
            )
            for n, r in enumerate(runs, 1)
        ]  # fmt: skip
        diagnosis = diagnose([alert], pieces)
        planners = actions(resources, None, running.view)
        proposal = propose(
            diagnosis, planners, running.view.lineage, incident_id="inc_1", requested_by="agent:incident", clock=clock
        )
        assert diagnosis.top is not None
        assert diagnosis.top.cause == "bad_model_version"
        assert proposal is not None
        assert (proposal.tool, proposal.plan.target) == ("rollback_rollout", ENDPOINT)
        actions(resources, resources, running.view)["rollback_rollout"].apply(
            proposal.arguments, expected_revision=proposal.plan.target_revision, idempotency_key="once",
            actor="service:worker", reason="approved",
        )  # fmt: skip
        (resolved,) = (a for _, a in forward(running, 1) if a.labels.get("monitor") == "rollout-fraud-mx")
        assert (resolved.status, resolved.fingerprint) == ("resolved", alert.fingerprint)
        # a version that was halted does not come back by accident
        resources.patch(
            ENDPOINT, {"canary": spec().halted, "canary_percent": 20},
            expected_revision=resources.get(ENDPOINT).revision, idempotency_key=new_id("test"), actor="human:ana",
            reason="again",
        )  # fmt: skip
        assert spec().live_percent == 0
