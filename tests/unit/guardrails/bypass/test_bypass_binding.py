"""Attacks on what an approval is bound to: other arguments, an edit, another name, environment or state."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import sqlalchemy as sa

from foundation.errors import Forbidden
from guardrails.approvals.tables import proposals
from guardrails.executor.executor import Executor
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from guardrails.proposal import ActionProposal
from tests.fakes.bypass import Bench, Disarmed, rebound, twin
from tests.fakes.guarded import ALICE


def overwrite(bench: Bench, document: ActionProposal) -> None:
    """What somebody with the database's password does to a stored proposal."""
    with bench.engine.begin() as connection:
        update = sa.update(proposals).where(proposals.c.id == document.id)
        connection.execute(update.values(document=document.model_dump_json(), digest=document.digest))


def test_other_arguments_under_the_approved_id(
    bench: Bench, disarmed: Disarmed, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The agent asks again with the same proposal id and another tenant's target, after a person has approved."""
    mine, theirs = bench.proposal(), bench.proposal(theirs=True)
    approval_id = bench.approved(mine)
    swapped = theirs.model_copy(update={"id": mine.id})
    if not guarded:
        # An upsert where the conflict is: the newer content under the older approval.
        monkeypatch.setattr(
            "guardrails.approvals.asking._same", lambda known, proposal: overwrite_later.append(proposal) or known
        )
        disarmed.stored_document()
        disarmed.log()
    overwrite_later: list[ActionProposal] = []
    bench.attempt(lambda: bench.approvals.request(swapped))
    for proposal in overwrite_later:
        overwrite(bench, proposal)
    bench.attempt(lambda: bench.executor().execute(approval_id))
    assert bench.resources.effects == [bench.case.target if guarded else twin(bench.case.target)]


def test_arguments_that_are_not_those_of_the_digest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """A proposal whose arguments say one thing and whose digest is another's."""
    lying = bench.proposal().model_copy(update={"arguments": bench.arguments(theirs=True)})
    if not guarded:
        monkeypatch.setattr("guardrails.approvals.service.require_sound", lambda proposal: None)
        monkeypatch.setattr(ActionProposal, "digest_holds", lambda self: True)
        monkeypatch.setattr("guardrails.executor.checks.require_same_target", lambda *_: None)
    ids: list[str] = []
    bench.attempt(lambda: ids.append(bench.approved(lying)), lambda: bench.executor().execute(ids[0]) if ids else None)
    assert bench.resources.effects == ([] if guarded else [twin(bench.case.target)])


def test_edited_after_the_approval(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    """The stored state is edited between the click and the execution, digest and all."""
    mine = bench.proposal()
    approval_id = bench.approved(mine)
    overwrite(bench, bench.proposal(theirs=True).model_copy(update={"id": mine.id}))
    if not guarded:
        disarmed.stored_document()
        disarmed.log()
    bench.attempt(lambda: bench.executor().execute(approval_id))
    assert bench.resources.effects == ([] if guarded else [twin(bench.case.target)])


def test_edited_between_display_and_approval(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    mine = bench.proposal()
    request = bench.approvals.request(mine)
    overwrite(bench, bench.proposal(theirs=True).model_copy(update={"id": mine.id}))
    if not guarded:
        disarmed.stored_document()
        disarmed.log()
    bench.attempt(
        lambda: bench.approvals.decide(request.id, ALICE, "approve", channel="slack"),
        lambda: bench.executor().execute(request.id),
    )
    assert bench.resources.effects == ([] if guarded else [twin(bench.case.target)])


def aliases(name: str) -> list[str]:
    """Names that look like `name`, or that a lenient lookup would take for it."""
    wide = "".join(chr(ord(c) + 0xFEE0) if c != "_" else "＿" for c in name)
    cyrillic = name.translate({ord("a"): "а", ord("o"): "о", ord("e"): "е", ord("c"): "с"})
    return [
        name.upper(),
        wide,
        cyrillic,
        f"{name}\u200b",
        f" {name}",
        f"{name}\n",
        name.replace("_", "-"),
        f"tools.act.{name}",
        f"{name}()",
    ]


def lenient(name: str) -> str:
    """The lookup of somebody who means well."""
    folded = unicodedata.normalize("NFKC", name).casefold().translate({0x430: "a", 0x43E: "o", 0x435: "e", 0x441: "c"})
    return "".join(c for c in folded.removeprefix("tools.act.") if c.isalnum() or c in "_-").replace("-", "_")


def test_an_alias_of_the_tools_name(
    bench: Bench, disarmed: Disarmed, monkeypatch: pytest.MonkeyPatch, guarded: bool, tmp_path: Path
) -> None:
    if not guarded:
        text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("- restart_connector", '- "*"')
        (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
        bench.policy = Policy.load(tmp_path / "policy.yaml")
        bench.approvals = bench.desk(bench.policy)
        monkeypatch.setattr("guardrails.approvals.service.require_sound", lambda proposal: None)
        monkeypatch.setattr(Executor, "_action", lambda self, request: bench.actions[lenient(request.proposal.tool)])
    for alias in aliases(bench.name):
        ids: list[str] = []
        asked = rebound(bench.proposal(), tool=alias, id=f"prp_{len(bench.resources.effects)}")
        bench.attempt(
            lambda asked=asked, ids=ids: ids.append(bench.approved(asked)),
            lambda ids=ids: bench.executor().execute(ids[0]) if ids else None,
        )
        if not guarded:
            break
    assert bench.effects == (0 if guarded else 1)


def test_even_a_policy_that_knows_the_alias_finds_no_action(bench: Bench) -> None:
    """The registry is a dictionary of exact names: nothing is folded, nothing is guessed."""
    request = bench.approvals.request(bench.proposal())
    for alias in aliases(bench.name):
        renamed = request.model_copy(update={"proposal": rebound(request.proposal, tool=alias)})
        with pytest.raises(Forbidden, match="there is no action"):
            bench.executor()._action(renamed)  # pyright: ignore[reportPrivateUsage]


def test_approved_in_staging_and_relabelled_production(
    bench: Bench, disarmed: Disarmed, guarded: bool, tmp_path: Path
) -> None:
    """In staging the policy asks nobody. Then the same resource, at the same revision, is production."""
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    text = text.replace(
        "tiers: [reversible], environments: [dev, staging]",
        "tiers: [reversible, costly, irreversible], environments: [dev, staging]",
    )
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    bench.policy = Policy.load(tmp_path / "policy.yaml")
    bench.approvals = bench.desk(bench.policy)
    production = bench.resources.by_urn[bench.case.target]
    bench.resources.by_urn[bench.case.target] = production.model_copy(update={"environment": "staging"})
    request = bench.approvals.request(bench.proposal())
    assert request.status == "approved", "nobody was asked"
    bench.resources.by_urn[bench.case.target] = production
    if not guarded:
        disarmed.replanning()
    bench.attempt(lambda: bench.executor().execute(request.id))
    assert bench.effects == (0 if guarded else 1)


def test_a_target_that_moved(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    """Somebody changed it after the approval: what was shown is not what would happen."""
    approval_id = bench.approved()
    resource = bench.resources.by_urn[bench.case.target]
    bench.resources.by_urn[bench.case.target] = resource.model_copy(update={"revision": resource.revision + 1})
    if not guarded:
        disarmed.replanning()
        bench.resources.careless = True
        bench.actions[bench.name].apply = _whatever_the_revision(bench)  # type: ignore[method-assign]
    bench.attempt(lambda: bench.executor().execute(approval_id))
    assert bench.effects == (0 if guarded else 1)


def _whatever_the_revision(bench: Bench):
    apply, target = bench.actions[bench.name].apply, bench.case.target

    def careless(arguments: dict[str, object], *, expected_revision: int, **call: str) -> object:
        del expected_revision
        return apply(arguments, expected_revision=bench.resources.get(target).revision, **call)

    return careless
