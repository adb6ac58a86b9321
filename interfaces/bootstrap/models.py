"""What the command line does with models, straight from the database and the stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import NotFound
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.platform import catalog_in_force, feature_tables
from interfaces.settings import Settings
from platform_core.training.types import ModelVersion

if TYPE_CHECKING:
    import pyarrow as pa

    from platform_core.serving.batch import BatchReport, Progress
    from platform_core.training.registry import ModelRegistry


def model_registry(settings: Settings) -> ModelRegistry:
    return _registry(open_foundations(settings))


def version_in_use(registry: ModelRegistry, name: str) -> ModelVersion:
    """The newest version in production. Raises NotFound when there is none."""
    versions = registry.list(name)
    in_production = [version for version in versions if version.stage == "production"]
    if not in_production:
        known = ", ".join(f"{v.version} ({v.stage})" for v in versions) or "none is registered"
        raise NotFound(f"no version of {name!r} is in production", hint=f"versions: {known}; name one with --version")
    return in_production[-1]


def score_data_set(
    settings: Settings,
    name: str,
    version: str | None,
    source: Path,
    out: Path,
    *,
    join: bool,
    attributions: bool,
    threads: int,
    chunk_rows: int,
    progress: Progress,
) -> BatchReport:
    """`join`: features of the store as of each row. Raises as `score_batch` does."""
    from platform_core.features.historical import get_historical_features
    from platform_core.serving.batch import score_batch

    base = open_foundations(settings)
    registry = _registry(base)
    model = registry.load(name, version or version_in_use(registry, name).version)
    catalog = catalog_in_force(base)
    offline = feature_tables(settings, catalog)

    def as_of(rows: pa.Table) -> pa.Table:
        return get_historical_features(offline, catalog, model.version.signature.feature_service, rows)

    return score_batch(
        model,
        source,
        out,
        join=as_of if join else None,
        attributions=attributions,
        threads=threads,
        chunk_rows=chunk_rows,
        progress=progress,
    )


def _registry(base: Foundations) -> ModelRegistry:
    from platform_core.training.registry import ModelRegistry

    return ModelRegistry(base.engine, base.clock, base.audit, base.settings.data_dir / "models")
