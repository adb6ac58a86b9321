"""What happened to a column: where, when, how, and whether the checkout saw it too."""

from __future__ import annotations

from agents.diagnosis.sign import Figures, Sign, flag, number


def _not(name: str, figures: Figures) -> bool | None:
    value = figures.get(name)
    return not value if isinstance(value, bool) else None


def _same_shape(figures: Figures) -> bool | None:
    """Only a column that moved has a shape to compare."""
    if figures.get("changed") is not True or not isinstance(figures.get("same_shape"), bool):
        return None
    return bool(figures["same_shape"])


def _moved_together(figures: Figures) -> bool | None:
    requests, together = figures.get("request_moved"), figures.get("same_move")
    if not isinstance(requests, bool) or not isinstance(together, bool):
        return None
    return requests and together


VALUE_MOVED = Sign(
    name="value_moved",
    tool="column_profile",
    reads=("changed", "p50_before", "p50_after", "ratio"),
    test=flag("changed"),
    holds="p50({column}) of {source} went from {p50_before:.4g} to {p50_after:.4g} (x{ratio:.3g})",
    fails="the level of {source}.{column} did not change",
    base=0.2,
)
UNIT_FACTOR = Sign(
    name="unit_factor",
    tool="column_profile",
    reads=("is_unit_factor", "unit_factor"),
    test=flag("is_unit_factor"),
    holds="the ratio is a power of ten (x{unit_factor:g}) within sampling error",
    fails="no power of ten lies between before and after",
    base=0.03,
)
SHAPE_KEPT = Sign(
    name="shape_kept",
    tool="column_profile",
    reads=("same_shape", "shape_distance", "shape_noise"),
    test=_same_shape,
    holds="the log-distribution kept its shape (distance {shape_distance:.2f}, noise up to {shape_noise:.2f})",
    fails="the log-distribution changed its shape (distance {shape_distance:.2f}, noise up to {shape_noise:.2f})",
    conditional=True,
    base=0.5,
)
ONLY_HERE = Sign(
    name="only_here",
    tool="segment_compare",
    reads=("only_one_moved", "moved_sources", "unmoved_sources"),
    test=flag("only_one_moved"),
    holds="only {moved_sources} moved; {unmoved_sources} did not",
    fails="{moved} sources moved in {column}",
    base=0.3,
)
DRIFTED = Sign(
    name="drifted",
    tool="drift_against_baseline",
    reads=("drifted", "psi", "psi_noise"),
    test=flag("drifted"),
    holds="PSI of {source}.{column} is {psi:.2f}, threshold {threshold:g}",
    fails="PSI of {source}.{column} is {psi:.2f}, within its threshold",
    base=0.25,
)
REQUESTS_DIFFER = Sign(
    name="requests_differ",
    tool="request_agreement",
    reads=("agrees", "source_over_request"),
    test=lambda figures: _not("agrees", figures),
    holds="{source} says x{source_over_request:.3g} of what the scoring requests say for the same payments",
    fails="amounts in {source} and in the scoring requests agree (p50 {source_p50:.4g} and {request_p50:.4g})",
    base=0.08,
)
UNIT_OF_REQUESTS = Sign(
    name="unit_of_requests",
    tool="request_agreement",
    reads=("is_unit_of_requests", "matched_factor", "matched_share"),
    test=flag("is_unit_of_requests"),
    holds="{matched_share:.0%} of the rows are the scoring requests' amounts times {matched_factor:g}, to the digit",
    fails="the rows are not the scoring requests' amounts times a power of ten",
    base=0.02,
)
REQUESTS_MOVED = Sign(
    name="requests_moved",
    tool="request_agreement",
    reads=("request_moved", "same_move", "request_ratio"),
    test=_moved_together,
    holds="the scoring requests moved by the same factor (x{request_ratio:.3g}): customers really changed",
    fails="the scoring requests did not move with it (x{request_ratio:.3g})",
    base=0.04,
)
NULLS = Sign(
    name="nulls",
    tool="source_quality",
    reads=("null_nats", "worst_column", "worst_nulls", "worst_rows", "worst_promise"),
    test=lambda figures: None if (nats := number(figures, "null_nats")) is None else nats > 0,
    # counts of nulls are exact evidence: three of fifteen rows say less than thirty of a hundred and fifty
    nats=lambda figures: number(figures, "null_nats"),
    holds="{worst_nulls} of {worst_rows} rows of {source} have no {worst_column}, promised at most {worst_promise:.1%}",
    fails="no column of {source} is null over the promise",
    base=0.06,
)
RENAMED = Sign(
    name="renamed",
    tool="schema_diff",
    reads=("renamed", "renamed_from", "renamed_to", "already_mapped"),
    test=lambda f: None if not isinstance(f.get("renamed"), bool) else bool(f["renamed"] and not f["already_mapped"]),
    holds="{renamed_from} of {source} is null since a new column {renamed_to} is filled",
    fails="no new column of {source} took over a known one",
    base=0.03,
)
