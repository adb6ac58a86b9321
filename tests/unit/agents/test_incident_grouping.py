from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.incident.grouping import Sign, cluster, related, sign_of
from platform_core.monitoring.alert import Alert
from tests.fakes.lineage import small_lineage

LINEAGE = small_lineage(("br", "mx", "ar"))
NIGHT = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
WINDOW = timedelta(minutes=10)

signs = st.builds(
    Sign,
    st.sampled_from([*sorted(LINEAGE.nodes), "urn:vigia:source:unknown"]),
    st.sampled_from([None, "br", "mx", "ar"]),
    st.sampled_from(["freshness", "volume", "drift", "latency", "cost", "score_shift"]),
)
seen = st.lists(st.tuples(signs, st.integers(0, 7200).map(lambda s: NIGHT + timedelta(seconds=s))), max_size=25)


def test_a_label_does_not_move_a_source_into_another_tenant() -> None:
    values = {"source": "am", "fingerprint": "f", "starts_at": NIGHT, "kind": "drift", "tenant": "mx", "summary": "s"}
    sign = sign_of(Alert.model_validate(values | {"subject": "urn:vigia:source:payments_br"}), LINEAGE)
    shared = sign_of(Alert.model_validate(values | {"subject": "urn:vigia:feature_view:card_velocity"}), LINEAGE)
    assert (sign.tenant, shared.tenant) == ("br", "mx")


@given(signs, signs)
def test_being_related_is_mutual(first: Sign, second: Sign) -> None:
    assert related(first, second, LINEAGE) == related(second, first, LINEAGE)


@given(seen)
def test_every_sign_is_in_exactly_one_group(storm: list[tuple[Sign, datetime]]) -> None:
    groups = cluster(storm, LINEAGE, WINDOW)
    placed = [sign for group in groups for sign in group]
    assert sorted(placed, key=str) == sorted({sign for sign, _ in storm}, key=str)


@given(seen, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(storm: list[tuple[Sign, datetime]], dice: object) -> None:
    shuffled = list(storm)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    as_sets = [{frozenset(group) for group in cluster(order, LINEAGE, WINDOW)} for order in (storm, shuffled)]
    assert as_sets[0] == as_sets[1]


@given(seen)
def test_money_and_outages_are_never_in_one_group(storm: list[tuple[Sign, datetime]]) -> None:
    for group in cluster(storm, LINEAGE, WINDOW):
        assert len({sign.kind == "cost" for sign in group}) == 1


def test_a_job_is_related_to_what_feeds_the_view_that_it_fills() -> None:
    """A renamed column pages for nulls in the source, then for the job that cannot use it: one fault."""
    nulls = Sign("urn:vigia:source:payments_mx", "mx", "nulls")
    job = Sign("urn:vigia:job:materialize-device_risk", "mx", "job_failure")
    other = Sign("urn:vigia:job:materialize-device_risk", "br", "job_failure")
    compaction = Sign("urn:vigia:job:online-compaction", None, "job_failure")
    assert related(nulls, job, LINEAGE)
    assert not related(nulls, other, LINEAGE)
    assert not related(nulls, compaction, LINEAGE)
    assert related(compaction, Sign("urn:vigia:endpoint:fraud-br", "br", "latency"), LINEAGE)
