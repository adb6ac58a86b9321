"""What is wrong in a catalog's files is told with the line of the key, what is there, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import InvalidInput
from platform_core.catalog.loading import load_catalog

GOOD = """\
entities:
  - {name: card, join_key: card_id, description: a card}
sources:
  - name: payments_br
    tenant: br
    table: payments_br
    owner: risk
    columns:
      - {name: event_ts, dtype: timestamp, description: when}
      - {name: ingested_at, dtype: timestamp, description: written}
      - {name: card_id, dtype: string, description: card}
      - {name: amount, dtype: float64, description: amount, max_null_rate: 0.1}
feature_views:
  - name: velocity
    entity: card
    sources: [payments_br]
    ttl: 24h
    freshness_sla: 10m
    owner: risk
    channel: "#risk"
    description: how often
    aggregations:
      - {name: mean_24h, function: mean, column: amount, window: 24h}
feature_services:
  - {name: fraud, features: ["velocity:mean_24h"], owner: risk, description: x}
"""
AGGREGATION = r"feature_views\[velocity\]\.aggregations\[mean_24h\]"

CASES: dict[str, tuple[str, str, str]] = {
    "unknown key": ("    ttl: 24h", "    tll: 24h", r"^17: .*\.tll: unknown key; did you mean 'ttl'\?$"),
    "unknown section": ("feature_services:", "features_services:", r"^24: .*did you mean 'feature_services'\?$"),
    "a key that is not there": ("    ttl: 24h\n", "", r"^14: feature_views\[velocity\]\.ttl: field required$"),
    "a number for a duration": ("ttl: 24h", "ttl: 24", r"^17: .*: 24 is not a duration; write 20ms, 30s"),
    "a text for a list": ("[payments_br]", "payments_br", r"^16: .*: must be a list, is 'payments_br'$"),
    "nothing for a list": ("[payments_br]", "", r"^16: .*\.sources: must be a list, is empty$"),
    "a text for a mapping": (
        "{name: card, join_key: card_id, description: a card}", "card",
        r"^2: entities\[0\]: must be a mapping of keys, is 'card'$",
    ),
    "another function": (
        "function: mean", "function: avg", rf"^23: {AGGREGATION}\.function: must be one of count, sum, .*'avg'$",
    ),
    "another environment": (
        "    ttl: 24h", "    ttl: 24h\n    environments: [prodution]",
        r"^18: .*: must be one of dev, staging, production, got 'prodution'; did you mean 'production'\?$",
    ),
    "a name with a space": ("name: velocity", "name: card velocity", r"^14: .*: must be lower-case letters, dig"),
    "a column with a colon": ("name: amount", "name: 'a:b'", r"^12: .*: must be 128 characters at most, none of"),
    "a truth for a text": ("owner: risk\n    col", "owner: yes\n    col", r"^7: .*, got True; quote it: YAML"),
    "a rate over 1": ("max_null_rate: 0.1", "max_null_rate: 10", r"^12: .*less than or equal to 1, got 10$"),
    "window and windows": (
        "window: 24h", "window: 24h, windows: [1h]", rf"^23: {AGGREGATION}.windows: give window or windows, not",
    ),
    "windows without a list": ("window: 24h", "windows: 1h", r"^23: .*: must be a list, is '1h'; write `windows:"),
    "a name that is taken": (
        "feature_services:", "  - {name: velocity, entity: card, sources: [payments_br], ttl: 1h, freshness_sla: 1m, "
        "owner: r, channel: c, description: d, schema: [{name: amount}]}\nfeature_services:",
        r"^24: feature_views\[velocity\] is already defined in all.yaml:14: rename one$",
    ),
    "a key that is written twice": ("    ttl: 24h", "    ttl: 24h\n    ttl: 1h", r"^18: 'ttl' is written twice$"),
    "a source that is not there": ("[payments_br]", "[payment_br]", r"^16: .*; did you mean 'payments_br'\?$"),
    "a column that is not there": ("column: amount", "column: amont", rf"^23: {AGGREGATION}\.column: .*'amount'\?$"),
    "a tab": ("    ttl: 24h", "\tttl: 24h", r"^17: not YAML: .*'\\t' that cannot start any token \(indent with"),
    "an open bracket": ("[payments_br]", "[payments_br", r"^17: not YAML: while parsing a flow sequence, .*\)$"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_names_the_line_what_is_there_and_what_to_write(case: str, tmp_path: Path) -> None:
    right, wrong, said = CASES[case]
    assert GOOD.count(right) >= 1
    (tmp_path / "all.yaml").write_text(GOOD.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(InvalidInput) as refused:
        load_catalog(tmp_path)
    lines = str(refused.value).splitlines()
    assert len(lines) == (2 if case in ("unknown key", "windows without a list") else 1), lines
    refused.match(said.replace("^", r"(?m)^all\.yaml:"))


def test_the_files_are_right_where_they_are_not_spoiled(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(GOOD, encoding="utf-8")
    assert load_catalog(tmp_path).feature_views[0].name == "velocity"
