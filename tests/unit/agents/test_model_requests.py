"""Approved changes of models without an incident: carried out once, verified, undone by proposal; trainings too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from agents.incident.verify import Verifier
from agents.models.proposing import ModelProposals, affair
from agents.models.standing import StandingRequests
from agents.models.watch import RetrainingWatch
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, Unavailable
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.executor import Executor
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal
from platform_core.catalog.lineage import Lineage
from platform_core.operations.resources import Resource
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.running.models import ModelUpkeep
from platform_core.training.gates.decay import Findings
from platform_core.training.gates.verdicts import GateVerdict
from platform_core.training.types import ModelVersion, TrainedModel
from platform_core.view import PlatformView
from tests.fakes.guarded import ALICE, person
from tests.fakes.inference import small_model
from tests.fakes.observed_catalog import CATALOG
from tests.fakes.promoting import MODEL, RESOURCE, Promoting
from tools.act import actions
from tools.registry import observe_tools
from tools.runner import ToolRunner

ANA = person("ana", "responder")


class Bench:
    """Version 1 in production, version 2 in staging, and everything between a request and its effect."""

    def __init__(self, engine: Engine, clock: FixedClock, directory: Path) -> None:
        self.clock, self.engine = clock, engine
        self.log = SqlAuditLog(engine, clock)
        self.models = Promoting(engine, clock, directory, self.log)
        self.models.registry.adopt(MODEL, self.models.register(), "human:ana")
        self.models.staged(seed=2)
        self.models.under_control()
        unused: Any = None
        self.view = PlatformView(clock, CATALOG, Lineage((), {}), unused, unused, self.models.resources, unused, unused)
        policy = Policy.load(None)
        self.approvals = ApprovalService(
            engine, clock, self.log, policy, expires_after=timedelta(minutes=30), people=self.who_is
        )
        planners = actions(self.models.resources, None, self.view)
        self.proposals = ModelProposals(planners, self.approvals, self.view.lineage, clock)
        executor = Executor(
            engine,
            clock,
            self.log,
            self.approvals,
            policy,
            actions(self.models.resources, self.models.resources, self.view),
            people=self.who_is,
            actor="service:worker",
        )
        runner = ToolRunner(self.view, observe_tools())
        self.requests = StandingRequests(
            engine,
            clock,
            self.log,
            self.models.resources,
            self.approvals,
            executor,
            Verifier(lambda tool, arguments: runner.run(tool, arguments).observation, clock),
            planners,
            lambda: self.view.lineage,
        )

    def who_is(self, principal_id: str) -> Principal:
        return {ALICE.id: ALICE, ANA.id: ANA}[principal_id]

    def upkeep(self, train: Callable[[ModelVersion, datetime | None], TrainedModel] | None = None) -> ModelUpkeep:
        return ModelUpkeep(
            self.models.resources,
            self.models.registry,
            SqlOperations(self.engine),
            self.clock,
            train or (lambda like, since: small_model(2)),
            catalog=lambda: self.models.catalog,
            in_background=False,
        )

    def approve(self, request: ApprovalRequest) -> None:
        self.approvals.decide(request.id, ALICE, "approve", channel="cli")

    def told(self) -> list[str]:
        return [entry.record.action for entry in self.log.entries() if entry.record.action.startswith("action.")]

    def status(self) -> dict[str, Any]:
        return self.models.resources.get(RESOURCE).status


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Bench:
    return Bench(engine, clock, tmp_path / "models")


def promotion(bench: Bench) -> ApprovalRequest:
    review = bench.models.judge("2", "production")
    return bench.proposals.promote(review, requested_by=ANA.id)


def test_nothing_is_carried_out_before_somebody_else_approved_it(bench: Bench) -> None:
    request = promotion(bench)
    assert request.status == "pending"
    assert not bench.requests.step()
    with pytest.raises(Forbidden, match="none of the roles"):
        bench.approvals.decide(request.id, ANA, "approve", channel="cli")
    assert bench.models.champion == "1"
    bench.approve(request)
    bench.requests.step()
    assert bench.models.champion == "2"
    assert bench.told() == ["action.started", "action.succeeded"]
    bench.upkeep().step()
    assert bench.status() == {"production": "2", "usable": True}
    assert bench.requests.step()
    assert bench.told()[2:] == ["action.verified"]
    assert not bench.requests.step()
    assert bench.told().count("action.verified") == 1


def test_a_review_that_failed_is_not_even_proposed(bench: Bench) -> None:
    with pytest.raises(Conflict, match="did not pass"):
        bench.proposals.promote(bench.models.judge("2", "production", "failed"), requested_by=ANA.id)


def test_what_cannot_be_verified_is_proposed_to_be_taken_back(bench: Bench) -> None:
    """Nobody keeps the models: whether version 2 is usable is never reported."""
    bench.approve(promotion(bench))
    bench.requests.step()
    bench.clock.advance(timedelta(hours=1))
    bench.requests.step()
    assert bench.told()[-1] == "action.not_verified"
    (undo,) = bench.approvals.pending()
    assert (undo.proposal.tool, undo.proposal.requested_by) == ("demote_model", "agent:models")
    assert bench.models.champion == "2", "an undo waits for approval as everything does"
    bench.approve(undo)
    bench.requests.step()
    assert (bench.models.champion, bench.models.spec.review) == ("1", None)


def test_an_undo_that_cannot_be_proposed_at_once_is_proposed_later_and_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.approve(promotion(bench))
    bench.requests.step()
    bench.clock.advance(timedelta(hours=1))
    request, append = bench.approvals.request, bench.log.append
    down = ["approvals", "audit"]

    def asked(proposal: Any) -> ApprovalRequest:
        if down[:1] == ["approvals"]:
            down.pop(0)
            raise Unavailable("the database is away for a moment")
        return request(proposal)

    def told(record: AuditRecord, **where: Any) -> object:
        if down == ["audit"] and record.action == "action.not_verified":
            down.pop()
            raise Unavailable("the audit log is away for a moment")
        return append(record, **where)

    monkeypatch.setattr(bench.approvals, "request", asked)
    monkeypatch.setattr(bench.log, "append", told)
    for _ in range(5):
        bench.requests.step()
    assert down == []
    assert [r.proposal.tool for r in bench.approvals.pending()] == ["demote_model"]
    assert bench.told().count("action.not_verified") == 1


def test_a_training_that_ends_between_a_look_and_its_report_is_not_repeated(bench: Bench) -> None:
    """The loop reads the status, the training's thread reports that it is done, the loop writes what it read."""
    calls: list[int] = []
    resources = bench.models.resources
    looking, reporting = threading.Event(), threading.Event()

    def train(like: ModelVersion, since: datetime | None) -> TrainedModel:
        calls.append(1)
        assert looking.wait(20)
        return small_model(2)

    class Slow:
        """Between the reading and the writing of the loop there is time for the thread to come in between."""

        def get(self, urn: str) -> Resource:
            found = resources.get(urn)
            if threading.current_thread() is threading.main_thread() and calls and not looking.is_set():
                looking.set()
                reporting.wait(1)
            return found

        def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
            return resources.list(kind=kind, tenant=tenant)

        def report_status(self, urn: str, status: dict[str, Any]) -> None:
            resources.report_status(urn, status)
            if "trained" in status:
                reporting.set()

    bench.approve(bench.proposals.retrain(MODEL, "drift", since=None, requested_by=ANA.id))
    bench.requests.step()
    upkeep = ModelUpkeep(
        Slow(), bench.models.registry, SqlOperations(bench.engine), bench.clock, train,
        catalog=lambda: bench.models.catalog,
    )  # fmt: skip
    upkeep.step()
    while not calls:
        time.sleep(0.01)
    upkeep.step()
    upkeep.wait(20)
    upkeep.step()
    upkeep.wait(20)
    assert (len(calls), bench.status()["trainings"], bench.status()["state"]) == (1, 1, "idle")


def test_a_restarted_worker_does_not_verify_again(bench: Bench) -> None:
    bench.approve(promotion(bench))
    bench.requests.step()
    bench.upkeep().step()
    bench.requests.step()
    bench.requests._done.clear()
    bench.requests.step()
    assert bench.told().count("action.verified") == 1


def test_the_kill_switch_holds_it_until_it_is_released(bench: Bench) -> None:
    root = person("root", "admin")
    bench.approve(promotion(bench))
    bench.approvals.set_kill_switch(True, root, "looking into something")
    bench.requests.step()
    assert bench.models.champion == "1"
    bench.approvals.set_kill_switch(False, root, "looked into it")
    bench.requests.step()
    assert bench.models.champion == "2"


def test_a_model_that_cannot_be_used_is_reported_as_that(bench: Bench) -> None:
    bench.upkeep().step()
    assert bench.status()["usable"] is True
    bench.models.tamper("1")
    problem = bench.upkeep().step()
    assert problem is not None
    assert "card.md" in problem
    assert bench.status()["usable"] is False
    assert "card.md" in bench.status()["unusable_because"]


def test_a_model_that_no_longer_fits_the_catalog_is_reported_as_that(bench: Bench) -> None:
    upkeep = bench.upkeep()
    assert upkeep.step() is None
    bench.models.catalog = CATALOG
    problem = upkeep.step()
    assert problem is not None
    assert "does not fit the catalog" in problem
    assert bench.status()["usable"] is False


def test_a_training_comes_out_in_dev_and_is_done_once(bench: Bench) -> None:
    asked: list[datetime | None] = []

    def train(like: ModelVersion, since: datetime | None) -> TrainedModel:
        asked.append(since)
        assert like.version == "1", "as the version in production was trained"
        return small_model(2)

    since = bench.clock.now() - timedelta(days=1)
    bench.approve(bench.proposals.retrain(MODEL, "drift", since=since, requested_by=ANA.id))
    bench.requests.step()
    upkeep = bench.upkeep(train)
    assert upkeep.step() is None
    upkeep.step()
    assert asked == [since]
    assert [v.stage for v in bench.models.registry.list(MODEL)] == ["production", "staging", "dev"]
    assert (bench.status()["state"], bench.status()["trained"], bench.status()["trainings"]) == ("idle", "3", 1)
    bench.requests.step()
    assert bench.told()[-1] == "action.verified"


def test_a_training_that_fails_says_why_and_is_not_repeated(bench: Bench) -> None:
    calls: list[int] = []

    def train(like: ModelVersion, since: datetime | None) -> TrainedModel:
        calls.append(1)
        raise InvalidInput("there is nothing to learn from")

    bench.approve(bench.proposals.retrain(MODEL, "drift", since=None, requested_by=ANA.id))
    bench.requests.step()
    upkeep = bench.upkeep(train)
    upkeep.step()
    upkeep.step()
    assert (len(calls), bench.status()["state"], bench.status()["error"]) == (
        1,
        "failed",
        "there is nothing to learn from",
    )
    (run,) = SqlOperations(bench.engine).job_runs(bench.clock.now() - timedelta(hours=1), bench.clock.now())
    assert (run.status, run.error) == ("failed", "there is nothing to learn from")


def test_drift_and_decay_become_one_proposal_and_no_training(bench: Bench) -> None:
    failed = GateVerdict(gate="drift", outcome="failed", said="2 of 5 columns moved since training")
    found = Findings(name=MODEL, version="1", verdicts=(failed,))
    watch = RetrainingWatch(
        bench.clock, bench.models.resources, bench.proposals, lambda name: found, timedelta(hours=24)
    )
    assert not watch.step(), "a restart asks nobody anything"
    for _ in range(3):
        bench.clock.advance(timedelta(hours=24))
        assert watch.step()
        (waiting,) = bench.approvals.pending()
        bench.clock.advance(timedelta(minutes=1))
        assert not watch.step()
    assert waiting.proposal.tool == "retrain_model"
    assert waiting.proposal.rationale == "drift: 2 of 5 columns moved since training"
    assert waiting.proposal.requested_by == "agent:retraining"
    assert len(bench.models.registry.list(MODEL)) == 2
    found = Findings(name=MODEL, version="1", verdicts=(failed.model_copy(update={"outcome": "passed"}),))
    assert found.reasons == []


def test_a_second_training_waits_for_the_first(bench: Bench) -> None:
    first = bench.proposals.retrain(MODEL, "drift", since=None, requested_by=ANA.id)
    with pytest.raises(Conflict, match=f"{first.id} asks for a training"):
        bench.proposals.retrain(MODEL, "decay", since=None, requested_by=ANA.id)
    bench.approve(first)
    bench.requests.step()
    with pytest.raises(Conflict, match="asked for already"):
        bench.proposals.retrain(MODEL, "decay", since=None, requested_by=ANA.id)


def test_a_name_that_fits_no_record_is_refused() -> None:
    assert affair("fraud_score") == "mdl:fraud_score"
    with pytest.raises(InvalidInput, match="longer than"):
        affair("x" * 61)
