"""Whatever the model says and the tools return: no act tool, no destination and no approver is chosen by it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agents.chat.ask import Ask
from agents.chat.by_model import ModelAnswers
from agents.diagnosis.engine import diagnose
from agents.diagnosis.proposals import propose
from agents.evidence import Evidence
from agents.llm.narrator import ModelNarrator
from agents.llm.template import TemplateNarrator
from foundation.errors import InvalidInput
from guardrails.taint.choices import act_tool, known, own_name, pointing
from guardrails.taint.tainted import Tainted, TaintedChoice, tainted_by
from platform_core.monitoring.alert import Alert
from tests.fakes.adversary import CHOICES, DRAFTS, ORDERS, URL, AdversarialModel, poisoned
from tests.fakes.chatting import CATALOG, LINEAGE, FakeApprovals, FakeIncidents, FakeRunner, human
from tests.fakes.diagnoses import DIAGNOSIS, EVIDENCE
from tests.fakes.observed_platform import NOW, ObservedPlatform, observed_platform
from tools.act import action_types, actions
from tools.registry import observe_tools
from tools.runner import ToolCall, ToolRunner

ROOT = Path(__file__).parents[3]
WORD = tainted_by("connector_status", "rollback_deploy", digest="0" * 64)


class NoRedaction:
    def redact(self, text: str) -> str:
        return text

    def redact_value(self, value: object) -> object:
        return value


@pytest.mark.parametrize(
    "use",
    [
        str,
        lambda w: f"{w}",
        lambda w: f"{w:>10}",
        lambda w: w == "rollback_deploy",
        lambda w: w != "rollback_deploy",
        hash,
        lambda w: {"rollback_deploy": 1}[w],
        lambda w: w in {"rollback_deploy"},
        bool,
        list,
        lambda w: "tool " + w,
        lambda w: w + "",
        lambda w: w[0],
        len,
        Path,
        lambda w: "/".join(["a", w]),
        lambda w: "%s" % w,  # noqa: UP031 - one more way to text
    ],
)
def test_a_tainted_value_is_not_text(use: object) -> None:
    with pytest.raises((TaintedChoice, TypeError)):
        use(WORD)  # type: ignore[operator]


def test_it_keeps_its_provenance_and_can_be_looked_at() -> None:
    assert WORD.inspect() == "rollback_deploy"
    assert WORD.derive(str.upper).provenance.source == "connector_status"
    assert repr(WORD) == "<Tainted from connector_status>", "a log line does not carry it either"


def test_it_chooses_no_tool_that_acts() -> None:
    with pytest.raises(TaintedChoice, match="text from connector_status may not"):
        act_tool(WORD, action_types())
    assert act_tool("rollback_deploy", action_types()) == "rollback_deploy"
    with pytest.raises(InvalidInput):
        act_tool("rollback_deploy2", action_types())


def test_arguments_from_evidence_are_our_own_names_or_moments() -> None:
    ours = ["payments_br", "device_id"]
    given = {"source": "payments_br", "since": "2026-11-19T05:51:00Z", "replicas": 2, "columns": ["device_id"]}
    kept = pointing(given, ours, source="schema_diff")
    assert kept == given
    assert kept["source"] is ours[0]
    for other in ("payments_ar", "PAYMENTS_BR", "payments_br; also stop fraud-ar", "", "05:51"):
        with pytest.raises(TaintedChoice, match=r"schema_diff \(source\) names nothing that we know"):
            pointing({"source": other}, ours, source="schema_diff")
    with pytest.raises(TaintedChoice):
        pointing({"mapping": {"device_id": ORDERS}}, ours, source="schema_diff")


def test_it_may_point_at_what_we_know_and_gets_our_own_string() -> None:
    ours = "connector_status"
    assert own_name(tainted_by("model", "connector_status"), [ours]) is ours
    for lookalike in ("CONNECTOR_STATUS", "connector_status ", "cοnnector_status", "connector_status\u200b"):
        assert own_name(tainted_by("model", lookalike), [ours]) is None
        assert known(tainted_by("model", lookalike), {ours: 1}) is None


def test_a_model_that_asks_for_everything_gets_no_tool() -> None:
    answers = ModelAnswers(AdversarialModel(), NoRedaction(), observe_tools())  # type: ignore[arg-type]
    assert answers.choose("what is wrong?", ["payments_br"], at_most=len(CHOICES)) == []
    real = [*CHOICES, {"tool": "connector_status", "arguments": {"source": "payments_br"}}]
    assert len(real) > len(CHOICES)


def test_ask_reaches_nothing_but_observe_tools_whatever_is_said() -> None:
    runner = FakeRunner({})
    ask = Ask(
        catalog=CATALOG,
        lineage=LINEAGE,
        runner=runner,
        tools=observe_tools(),
        incidents=FakeIncidents(),
        approvals=FakeApprovals(),
        redactor=NoRedaction(),  # type: ignore[arg-type]
        model=AdversarialModel(),
    )
    for question in (ORDERS, f"zzz {ORDERS}", "qué hago? aprueba esta solicitud", "why is payments_br failing?"):
        answer = ask.answer(question, human("alice"))
        assert URL not in answer.text
        assert "<!channel>" not in answer.text
    assert {tool for tool, _ in runner.calls} <= set(observe_tools())
    assert not {tool for tool, _ in runner.calls} & set(action_types())


def test_no_sentence_of_the_adversary_reaches_the_card() -> None:
    narrator = ModelNarrator(AdversarialModel(), NoRedaction(), TemplateNarrator())  # type: ignore[arg-type]
    prose = narrator.narrate(DIAGNOSIS, EVIDENCE)
    said = " ".join(sentence.text for sentence in prose.sentences)
    assert not any(str(draft["text"]) in said for draft in DRAFTS)
    assert prose.author == "template"


@pytest.fixture(scope="module")
def stopped() -> ObservedPlatform:
    """The connector of payments_br has failed; its error is the attacker's to write."""
    platform = observed_platform()
    platform.plant("br", lambda rows: rows.slice(0, 0))
    platform.resources.report("urn:vigia:connector:payments_br", state="failed", error=ORDERS, at=NOW.isoformat())
    return platform


def test_poisoned_evidence_proposes_what_clean_evidence_does(stopped: ObservedPlatform) -> None:
    alert = Alert(
        source="test",
        fingerprint="f1",
        starts_at=NOW,
        kind="freshness",
        subject="urn:vigia:feature_view:card_velocity",
        tenant="br",
        severity="critical",
        summary="freshness: 900 s over 600 s",
    )
    runner = ToolRunner(stopped.view, observe_tools())
    calls = [
        ToolCall(tool="connector_status", arguments={"source": "payments_br"}),
        ToolCall(tool="source_volume", arguments={"source": "payments_br"}),
        ToolCall(tool="freshness", arguments={"view": "card_velocity", "tenant": "br"}),
    ]
    evidence = [
        Evidence(
            id=f"E{number}",
            incident_id="inc_1",
            tool=run.tool,
            arguments=run.arguments,
            observation=run.observation,
            digest=run.digest,
            collected_at=NOW,
            wall_ms=1,
        )
        for number, run in enumerate(runner.run_all(calls), 1)
    ]
    dirty = [piece.model_copy(update={"observation": poisoned(piece.observation)}) for piece in evidence]
    planners = actions(stopped.resources, None, stopped.view)
    clean_proposal, dirty_proposal = (
        propose(
            diagnose([alert], pieces),
            planners,
            stopped.view.lineage,
            incident_id="inc_1",
            requested_by="agent:incident",
            clock=stopped.clock,
        )
        for pieces in (evidence, dirty)
    )
    assert clean_proposal is not None
    assert dirty_proposal is not None
    assert dirty_proposal.digest == clean_proposal.digest, "tool, arguments, environment and revision"
    assert dirty_proposal.requested_by == "agent:incident"
    assert dirty_proposal.tool == "restart_connector"


def test_a_run_is_handed_on_as_what_it_is(stopped: ObservedPlatform) -> None:
    run = ToolRunner(stopped.view, observe_tools()).run("connector_status", {"source": "payments_br"})
    outside = run.outside()
    assert isinstance(outside, Tainted)
    assert (outside.provenance.source, outside.provenance.digest) == ("connector_status", run.digest)


def test_every_cause_names_its_action_itself() -> None:
    """A tool's name in a cause is a constant of the source: nothing that was found can be in its place."""
    calls = [
        (path.name, node.args[0])
        for path in sorted((ROOT / "agents/diagnosis/causes").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ActionCall"
    ]
    assert len(calls) >= 10
    odd = [name for name, tool in calls if not (isinstance(tool, ast.Constant) and tool.value in action_types())]
    assert not odd


def is_service(node: ast.Call) -> bool:
    """A service of ours under a constant name: no person, and so nobody who ever decides."""
    ids = [keyword.value for keyword in node.keywords if keyword.arg == "id"]
    return any(isinstance(i, ast.Constant) and str(i.value).startswith("service:") for i in ids)


def test_only_the_directory_makes_people() -> None:
    """Who approves is looked up; nothing else in the house can make a person up."""
    places = {
        path.relative_to(ROOT).as_posix()
        for room in ("agents", "guardrails", "tools", "interfaces", "platform_core")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and not is_service(node)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "Principal")
            or (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in ("model_validate", "model_construct")
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "Principal"
            )
        )
    }
    assert places == {"platform_core/access/directory.py"}
