"""Reviews in the database, and when one of them no longer counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.canonical import digest
from foundation.errors import Conflict
from foundation.ids import new_id
from platform_core.training.gates.tables import model_gates
from platform_core.training.gates.verdicts import GateVerdict, PromotionReview
from platform_core.training.types import ModelVersion, Stage
from platform_core.urn import urn

AGAIN = "run vigia models gate again"


def artifact_digest(version: ModelVersion) -> str:
    """Over the digests of the version's files: of what was registered, weights, signature and card alike."""
    return digest({"files": version.files})


def named(review: PromotionReview) -> PromotionReview:
    """With an id that ends in a digest over all that it says, so that whoever approved the id approved the verdicts:
    rows that are altered, added or taken away in the database no longer are that review."""
    return review.model_copy(update={"id": f"{new_id('mrv')}_{_contents(review)}"})


def _contents(review: PromotionReview) -> str:
    """104 bits, which is what fits beside the time in the column."""
    said = review.model_dump(mode="json", exclude={"id"})
    if not review.thresholds:
        del said["thresholds"]  # of a model that nothing serves, and of a review from before they were kept
    return digest({**said, "verdicts": sorted(said["verdicts"], key=lambda verdict: verdict["gate"])})[:26]


def store(connection: Connection, audit: AuditLog, review: PromotionReview) -> None:
    """All verdicts and their audit entry."""
    about = {
        "review_id": review.id,
        "name": review.name,
        "version": int(review.version),
        "to_stage": review.to_stage,
        "artifact_digest": review.artifact_digest,
        "policy_digest": review.policy_digest,
        "champion": review.champion,
        "thresholds": review.thresholds,
        "judged_by": review.judged_by,
        "judged_at": review.judged_at,
    }
    for verdict in review.verdicts:
        connection.execute(model_gates.insert().values(**about, **verdict.model_dump()))
    payload = {
        "review": review.id,
        "version": review.version,
        "to": review.to_stage,
        "outcome": review.outcome,
        "outcomes": {verdict.gate: verdict.outcome for verdict in review.verdicts},
        "verdicts": digest([verdict.model_dump(mode="json") for verdict in review.verdicts]),
        "artifact": review.artifact_digest,
        "policy": review.policy_digest,
        "champion": review.champion,
    }
    record = AuditRecord(
        action="model.judged", actor=review.judged_by, subject=urn("model", review.name), payload=payload
    )
    audit.append(record, connection=connection)


def read(connection: Connection, review_id: str) -> PromotionReview:
    """Raises Conflict for one that there is not: whoever names it wants something on the strength of it."""
    found = _reviews(connection, model_gates.c.review_id == review_id)
    if not found:
        raise Conflict(f"there is no review {review_id!r}", hint=AGAIN)
    return found[0]


def of_version(connection: Connection, name: str, version: str, to: Stage | None = None) -> list[PromotionReview]:
    """Newest first."""
    if not version.isdecimal():
        return []
    where = [model_gates.c.name == name, model_gates.c.version == int(version)]
    return _reviews(connection, *where, *([] if to is None else [model_gates.c.to_stage == to]))


def require_standing(
    review: PromotionReview,
    *,
    version: ModelVersion,
    to: Stage,
    policy_digest: str,
    champion: str | None,
    thresholds: Mapping[str, float],
    unmoved_since: datetime,
    now: datetime,
    valid_for: timedelta,
    gates: Collection[str],
) -> None:
    """Raises Conflict when `review` did not pass, is about something else, or about a world that is no more."""
    subject = f"{version.name} version {version.version}"
    if (review.name, review.version, review.to_stage) != (version.name, version.version, to):
        about = f"{review.name} version {review.version} for {review.to_stage}"
        raise Conflict(f"review {review.id} is about {about}, not {subject} for {to}")
    if not review.id.endswith(f"_{_contents(review)}"):
        raise Conflict(f"what is stored of review {review.id} is not what was said", hint=AGAIN)
    if not review.passed:
        raise Conflict(f"{subject} did not pass its gates: {'; '.join(review.objections()) or 'none was run'}")
    if {verdict.gate for verdict in review.verdicts} != set(gates):
        asked, said = ", ".join(sorted(gates)), ", ".join(verdict.gate for verdict in review.verdicts)
        raise Conflict(f"review {review.id} of {subject} is of the gates {said}, {to} asks for {asked}", hint=AGAIN)
    stale = (
        (review.artifact_digest != artifact_digest(version), "its files are not those that were judged"),
        (review.policy_digest != policy_digest, "the gate policy was changed since"),
        (review.champion != champion, f"it was compared with {_shown(review.champion)}, not {_shown(champion)}"),
        *((True, why) for why in _decides_otherwise(review.thresholds, thresholds)),
        (unmoved_since > review.judged_at, "the version was moved since"),
        (now - review.judged_at > valid_for, f"it is older than {valid_for.total_seconds() / 3600:g} hours"),
    )
    for is_so, why in stale:
        if is_so:
            raise Conflict(f"review {review.id} of {subject} is stale: {why}", hint=AGAIN)


def _decides_otherwise(then: Mapping[str, float], now: Mapping[str, float]) -> Iterator[str]:
    """An endpoint that serves the model no more takes nothing from what was judged."""
    for endpoint, value in sorted(now.items()):
        if endpoint not in then:
            yield f"{endpoint}, which declines from {value:g} on, did not serve it then"
        elif then[endpoint] != value:
            yield f"{endpoint} declines from {value:g} on, it was judged at {then[endpoint]:g}"


def _shown(champion: str | None) -> str:
    return "no version in production" if champion is None else f"version {champion} in production"


def _reviews(connection: Connection, *where: sa.ColumnElement[bool]) -> list[PromotionReview]:
    query = sa.select(model_gates).where(*where)
    rows: dict[str, list[RowMapping]] = {}
    for row in connection.execute(query.order_by(model_gates.c.gate)).mappings():
        rows.setdefault(row["review_id"], []).append(row)
    found = [_review(of_one) for of_one in rows.values()]
    return sorted(found, key=lambda review: (review.judged_at, review.id), reverse=True)


def _review(rows: list[RowMapping]) -> PromotionReview:
    first = rows[0]
    return PromotionReview(
        id=first["review_id"],
        name=first["name"],
        version=str(first["version"]),
        to_stage=first["to_stage"],
        verdicts=tuple(
            GateVerdict(
                gate=row["gate"],
                outcome=row["outcome"],
                said=row["said"],
                figures=row["figures"],
                limits=row["limits"],
            )
            for row in rows
        ),
        artifact_digest=first["artifact_digest"],
        policy_digest=first["policy_digest"],
        champion=first["champion"],
        thresholds=first["thresholds"],
        judged_by=first["judged_by"],
        judged_at=first["judged_at"],
    )
