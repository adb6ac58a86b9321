from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.serving.rollout import variant

CARDS = [f"card-{i}" for i in range(20_000)]


@pytest.mark.parametrize("percent", [0, 1, 5, 20, 50, 100])
def test_the_share_is_that_of_the_rollout(percent: int):
    share = sum(variant(card, salt="fraud-br:2", canary_percent=percent) == "canary" for card in CARDS) / len(CARDS)
    assert share == pytest.approx(percent / 100, abs=0.01)


@given(st.text(), st.integers(0, 100), st.integers(0, 100))
def test_a_card_that_is_in_stays_in_as_the_share_grows(card: str, low: int, high: int):
    low, high = sorted((low, high))
    if variant(card, salt="s", canary_percent=low) == "canary":
        assert variant(card, salt="s", canary_percent=high) == "canary"


def test_another_rollout_tries_other_cards_first():
    def chosen(salt: str) -> set[str]:
        return {card for card in CARDS if variant(card, salt=salt, canary_percent=10) == "canary"}

    first, second = chosen("fraud-br:2"), chosen("fraud-br:3")
    assert len(first & second) < len(first) / 5
