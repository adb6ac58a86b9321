"""The model card: what a person reads before trusting a version."""

from __future__ import annotations

from platform_core.training.types import TrainedModel

_KINDS = {"lightgbm": "Gradient-boosted trees (LightGBM)", "sklearn": "scikit-learn"}


def render_card(trained: TrainedModel, name: str, version: str) -> str:
    """In Markdown."""
    signature = trained.signature
    metrics = "\n".join(f"| {metric} | {value:.4f} |" for metric, value in signature.metrics.items())
    features = "\n".join(
        f"- `{f.name}` ({f.origin}, {f.dtype}{f', version `{f.version}`' if f.version else ''})"
        for f in signature.features
    )
    return f"""# {name} version {version}

## Owner
{signature.owner or "Nobody is named"}, who answers for it and is asked first when it misbehaves.

## Purpose
Probability that a payment is fraudulent. {_KINDS[signature.flavor]} over the feature service
`{signature.feature_service}`. Declining is cheapest from a score of {signature.decline_threshold:.4f} on.

## Data
Trained on {signature.rows} labelled payments from {signature.data_start:%Y-%m-%d %H:%M} to \
{signature.data_end:%Y-%m-%d %H:%M} UTC; judged on the newest fifth. Labels are chargebacks: fraud that nobody disputed
counts as genuine.

Made again by: data `{signature.data_digest[:16]}`, code `{signature.code_version[:16]}`, seed {signature.seed}.

## Limits
It knows the countries, merchants and habits of its training window and no others; a population that has changed since
is for the gates and the drift monitors to find. A feature that is missing counts as null. A score is a reason to
decline a payment, never to judge a person.

## Metrics
| metric | value |
|---|---|
{metrics}

## Features
{features}
"""
