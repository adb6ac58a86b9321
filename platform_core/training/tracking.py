"""Experiment tracking as a port: what is told of a training run, and what a tracker knows.

The registry's own database and signed directories are the authority on what a version is and what stage it is in. A
tracker is told of it, so that people find it where they look for experiments; it is never asked what to serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import Field

from foundation.frozen import Frozen
from platform_core.training.artifacts import Artifact
from platform_core.training.manifest import MANIFEST_FILE, sha256
from platform_core.training.types import ModelVersion, Stage


@dataclass(frozen=True)
class TrackedRun:
    """A version as a tracker gets it. `files`: its whole signed directory, by name."""

    model: str
    version: str
    created_at: datetime
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, bytes]


class Receipt(Frozen):
    """Where a tracker put it. `remote_version`: its number in the tracker's own registry."""

    run_id: str
    remote_version: str


class RemoteVersion(Frozen):
    """A model version as a tracker knows it, whoever logged it. Metadata: its weights are not read."""

    name: str
    version: str
    run_id: str | None
    source: str
    created_at: datetime
    aliases: tuple[str, ...] = ()
    parameters: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def ours(self) -> str | None:
        """The version here that it mirrors."""
        return self.tags.get(VERSION_TAG)


VERSION_TAG = "vigia.version"
MANIFEST_TAG = "vigia.manifest_sha256"


class ExperimentTracker(Protocol):
    """Implementations raise Unavailable when they cannot be reached, and then hold nothing or a run that is not
    finished, which the next `track` of the same version replaces."""

    address: str
    """Where it is, without a password."""

    def track(self, run: TrackedRun) -> Receipt:
        """Keep the run and the version. The same version of the same content again changes nothing."""
        ...

    def mirror(self, model: str, stages: Mapping[Stage, str]) -> None:
        """Let `staging` and `production` name these of our versions, and nothing where there is none."""
        ...

    def models(self) -> list[str]:
        """Names of all models it has, sorted."""
        ...

    def versions(self, model: str) -> list[RemoteVersion]:
        """Oldest first; none for a model it does not have."""
        ...


def tracked_run(version: ModelVersion, artifact: Artifact) -> TrackedRun:
    """What a tracker is told of a registered version."""
    signature = version.signature
    quality = signature.quality
    segments = {
        f"segment.{part.segment}.{part.value}.{name}": value
        for part in (quality.segments if quality else ())
        for name, value in (("auc", part.auc), ("recall", part.recall), ("ece", part.ece))
        if value is not None
    }
    provenance = {
        "data_digest": signature.data_digest,
        "query_digest": signature.query_digest,
        "code_version": signature.code_version,
        "environment_lock": signature.environment_lock,
        "table_versions": ", ".join(f"{table}@{number}" for table, number in signature.table_versions.items()),
        "signed_by": artifact.signed_by,
        "created_by": version.created_by,
        "flavor": signature.flavor,
        "feature_service": signature.feature_service,
    }
    parameters = {
        **signature.parameters,
        "seed": signature.seed,
        "rows": signature.rows,
        "data_start": signature.data_start.isoformat(),
        "data_end": signature.data_end.isoformat(),
    }
    return TrackedRun(
        model=version.name,
        version=version.version,
        created_at=version.created_at,
        parameters={name: str(value) for name, value in parameters.items()},
        metrics={**signature.metrics, "decline_threshold": signature.decline_threshold, **segments},
        tags={
            VERSION_TAG: version.version,
            MANIFEST_TAG: sha256(artifact.sealed[MANIFEST_FILE]),
            **{f"vigia.{name}": value for name, value in provenance.items() if value},
        },
        files={**artifact.files, **artifact.sealed},
    )
