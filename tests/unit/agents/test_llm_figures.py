"""Numbers in prose against numbers in evidence."""

from __future__ import annotations

import pytest

from agents.llm.figures import unsupported_numbers

EVIDENCE = [
    {
        "summary": "p50 rose from 84.10 to 8410.55 at 2026-11-19T05:40:00+00:00 after ingest-br 4.7.0",
        "figures": {
            "decline_rate": 0.0941,
            "money_per_hour": 211873.4,
            "ratio": 100.006,
            "lag": 1234.5,
            "delta": -12.4,
        },
    }
]


@pytest.mark.parametrize(
    "sentence",
    [
        "The median rose to 8,410.55.",
        "A mediana subiu para 8.410,55.",
        "It rose x100 (x100.0) at 05:40 on 2026-11-19.",
        "Declines are at 9.4 %, or 9%, or 9.41%.",
        "About 212k an hour is at stake, 0.2M.",
        "p99 and E3 of card_00123 are names, so is fraud_v1.",
        "After 4.7.0 it fell by 12.4.",
        "The lag is 1,234 s or 1235.",
        "No figure at all.",
    ],
)
def test_carried(sentence: str) -> None:
    assert unsupported_numbers(sentence, EVIDENCE) == []


@pytest.mark.parametrize(
    ("sentence", "missing"),
    [
        ("Declines are at 9.5 %.", "9.5 %"),
        ("It rose x1000.", "x1000"),
        ("At 05:41 it broke.", "05:41"),
        ("After 4.7.1 it broke.", "4.7.1"),
        ("About 312k an hour.", "312k"),
        ("It affects 17 endpoints.", "17"),
        ("It affects 19 endpoints.", "19"),
        ("Declines are at 55%.", "55%"),
        ("About 11873 an hour.", "11873"),
        ("At 40:00 it broke.", "40:00"),
        ("After 14.7.0 it broke.", "14.7.0"),
    ],
)
def test_not_carried(sentence: str, missing: str) -> None:
    assert unsupported_numbers(sentence, EVIDENCE) == [missing]
