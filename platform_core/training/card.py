"""The model card: what a person reads before trusting a version."""

from __future__ import annotations

from collections.abc import Iterator

from platform_core.training.quality import Calibration, SegmentQuality
from platform_core.training.types import FeatureBaseline, ModelSignature, TrainedModel

_KINDS = {"lightgbm": "Gradient-boosted trees (LightGBM)", "sklearn": "scikit-learn"}

_LIMITS = (
    "It knows the countries, merchants and habits of its training window and no others: what has changed since is",
    "for the gates and the drift monitors to find. A feature that is missing counts as null. A score is a reason to",
    "decline a payment, never to judge a person.",
)


def render_card(trained: TrainedModel, name: str, version: str) -> str:
    """In Markdown."""
    return "\n".join(_lines(trained.signature, name, version)) + "\n"


def _lines(signature: ModelSignature, name: str, version: str) -> Iterator[str]:
    kind = signature.parameters.get("estimator")
    yield f"# {name} version {version}"
    yield from ("", "## Owner", "")
    yield f"{signature.owner or 'Nobody is named'}, who answers for it and is asked first when it misbehaves."
    yield from ("", "## Purpose", "")
    yield (
        f"Probability that a payment is fraudulent. {_KINDS[signature.flavor]}{f', {kind}' if kind else ''}, over the "
        f"feature service `{signature.feature_service}`. Declining is cheapest from a score of "
        f"{signature.decline_threshold:.4f} on."
    )
    yield from ("", "## Data", "")
    yield (
        f"Trained on {signature.rows} labelled payments from {signature.data_start:%Y-%m-%d %H:%M} to "
        f"{signature.data_end:%Y-%m-%d %H:%M} UTC; judged on the newest of them. What nobody disputed is genuine."
    )
    yield from ("", "## Limits", "", *_LIMITS)
    yield from ("", "## Metrics")
    yield from _table(("metric", "value"), [(metric, f"{value:.4f}") for metric, value in signature.metrics.items()])
    if signature.quality is not None:
        yield from _segments(signature.quality.segments)
        yield from _calibration(signature.quality.calibration)
    yield from _provenance(signature)
    yield from _features(signature)


def _segments(segments: tuple[SegmentQuality, ...]) -> Iterator[str]:
    if not segments:
        return
    yield from ("", "## By segment")
    rows = [
        (
            f"{s.segment}: {s.value}",
            str(s.rows),
            str(s.frauds),
            f"{s.fraud_rate:.4f}",
            f"{s.decline_rate:.4f}",
            _number(s.auc),
            _number(s.recall),
            _number(s.precision),
            f"{s.ece:.4f}",
        )
        for s in segments
    ]
    yield from _table(
        ("segment", "rows", "frauds", "fraud rate", "declined", "AUC", "recall", "precision", "ECE"), rows
    )


def _calibration(calibration: Calibration) -> Iterator[str]:
    yield from ("", "## Calibration", "")
    yield f"Expected calibration error {calibration.ece:.4f}, Brier score {calibration.brier:.4f}."
    rows = [
        (f"{b.lower:.4f} to {b.upper:.4f}", f"{b.mean_score:.4f}", f"{b.fraud_rate:.4f}", f"{b.weight:.3f}")
        for b in calibration.bins
    ]
    yield from _table(("scores", "mean score", "fraud rate", "share"), rows)


def _provenance(signature: ModelSignature) -> Iterator[str]:
    yield from ("", "## Made again by", "")
    yield f"- data `{signature.data_digest[:16]}`, seed {signature.seed}"
    if signature.query_digest:
        yield f"- query `{signature.query_digest[:16]}`"
    yield f"- code `{signature.code_version[:16]}`"
    if signature.environment_lock:
        yield f"- environment `{signature.environment_lock[:16]}`: {_versions(signature.environment)}"
    for table, number in signature.table_versions.items():
        yield f"- table `{table}` at version {number}"


def _features(signature: ModelSignature) -> Iterator[str]:
    yield from ("", "## Features")
    rows = [
        (
            f"`{f.name}`",
            f.origin,
            f.dtype,
            f"`{f.version}`" if f.version else "",
            *_looks(signature.baseline.get(f.name)),
        )
        for f in signature.features
    ]
    yield from _table(("feature", "from", "type", "version", "nulls", "p01", "median", "p99"), rows)


def _looks(baseline: FeatureBaseline | None) -> tuple[str, str, str, str]:
    if baseline is None:
        return "", "", "", ""
    return f"{baseline.null_rate:.3f}", _number(baseline.p01), _number(baseline.p50), _number(baseline.p99)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in row)} |"


def _versions(environment: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in environment.items())


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
