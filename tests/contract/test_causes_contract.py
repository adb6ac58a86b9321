"""What every cause promises."""

from __future__ import annotations

import re

import pytest

from agents.diagnosis.case import Case
from agents.diagnosis.causes import causes
from agents.diagnosis.wording import say
from tests.fakes.evidence_sets import HEALTHY, evidence, page
from tools.act import action_types
from tools.registry import observe_tools

NAMES = sorted(causes())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_declared_in_full(name: str) -> None:
    cause = causes()[name]
    assert cause.id == name
    assert cause.pages
    assert cause.prior > 0
    assert cause.look_next
    assert len(cause.indicators) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_its_signs_read_figures_that_tools_give(name: str) -> None:
    for indicator in causes()[name].indicators:
        sign = indicator.sign
        tool = observe_tools()[sign.tool]
        documented = [re.compile(re.sub(r"<\w+>", r"\\w+", key)) for key in tool.figures]  # type: ignore[attr-defined]
        unknown = [f for f in sign.reads if not any(p.fullmatch(f) for p in documented)]
        assert unknown == [], f"{sign.name} reads what {sign.tool} does not give"
        words = set(re.findall(r"\{(\w+)", sign.holds + sign.fails)) - {"agreeing", "known"}
        arguments = set(tool.arguments.model_fields)
        unsaid = [w for w in words - arguments if not any(p.fullmatch(w) for p in documented)]
        assert unsaid == [], f"{sign.name} speaks of what {sign.tool} does not give"


@pytest.mark.parametrize("name", NAMES)
def test_its_weights_are_bounded_and_point_both_ways(name: str) -> None:
    for indicator in causes()[name].indicators:
        yes, no = indicator.when_seen, indicator.when_absent
        assert yes * no < 0, f"{indicator.sign.name} cannot speak both for and against"
        assert max(abs(yes), abs(no)) < 5, "no single sign settles it"


@pytest.mark.parametrize("name", NAMES)
def test_without_evidence_it_has_no_finding_and_no_action(name: str) -> None:
    cause = causes()[name]
    facts = cause.facts(Case.of(page(name), []))
    assert cause.action(facts) is None
    assert say(cause.title, facts)


@pytest.mark.parametrize("name", NAMES)
def test_its_action_exists(name: str) -> None:
    cause = causes()[name]
    call = cause.action(cause.facts(Case.of(page(name), evidence(dict(HEALTHY)))))
    if call is not None:
        action_types()[call.tool].arguments.model_validate(call.arguments)
