"""What the command line does with models, straight from the database and the stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import NotFound
from foundation.nearest import did_you_mean
from interfaces.bootstrap.foundations import Foundations, open_existing, open_foundations
from interfaces.bootstrap.model_access import MAY_SIGN, person_of, require_may
from interfaces.bootstrap.platform import catalog_in_force, feature_tables
from interfaces.settings import Settings
from platform_core.training.types import ModelVersion

if TYPE_CHECKING:
    import pyarrow as pa

    from platform_core.serving.batch import BatchReport, Progress
    from platform_core.training.artifacts import Artifact
    from platform_core.training.registry import ModelRegistry
    from platform_core.training.signing import ModelKeys


def model_registry(settings: Settings) -> ModelRegistry:
    return registry_of(open_existing(settings))


def versions_of(registry: ModelRegistry, name: str | None = None) -> list[ModelVersion]:
    """Of one model or of all, oldest first. Raises NotFound for a model that there is not."""
    known = registry.names()
    if name is not None and name not in known:
        none = "none is registered yet: vigia models train"
        raise NotFound(f"there is no model {name[:80]!r}", hint=did_you_mean(name[:80], known, none=none))
    return [version for model in (known if name is None else [name]) for version in registry.list(model)]


def version_in_use(registry: ModelRegistry, name: str) -> ModelVersion:
    """The newest version in production. Raises NotFound when there is none."""
    versions = versions_of(registry, name)
    in_production = [version for version in versions if version.stage == "production"]
    if not in_production:
        known = ", ".join(f"{v.version} ({v.stage})" for v in versions)
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
    registry = registry_of(base)
    catalog = catalog_in_force(base)
    model = registry.load(name, version or version_in_use(registry, name).version, catalog=catalog)
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


def registry_of(base: Foundations) -> ModelRegistry:
    """The registry of this deployment, with its own key and those it trusts."""
    from platform_core.training.registry import ModelRegistry

    settings = base.settings
    return ModelRegistry(
        base.engine,
        base.clock,
        base.audit,
        settings.data_dir / "models",
        model_keys(settings),
        max_bytes=settings.models.max_bytes,
    )


def model_keys(settings: Settings) -> ModelKeys:
    """Raises InvalidInput for a trusted key that is damaged."""
    from platform_core.training.signing import ModelKeys

    trusted = list(settings.models.trusted.values())
    return ModelKeys(settings.data_dir / "keys" / "models.pem", trusted=trusted)


def sign_version(settings: Settings, name: str, version: str, *, api_key: str) -> Artifact:
    """As the person whose key it is. Raises Forbidden for anybody but an admin of all tenants, and as
    `ModelRegistry.sign`."""
    base = open_foundations(settings)
    person = person_of(base, api_key)
    require_may(base, person, "sign", name, roles=MAY_SIGN)
    return registry_of(base).sign(name, version, person.id)


def verify_directory(settings: Settings, directory: Path, name: str, version: str, keys: list[str]) -> Artifact:
    """A version's directory wherever it lies, checked with `keys`; without any, with those that are trusted here."""
    from platform_core.training.artifacts import open_artifact
    from platform_core.training.loading import load_model
    from platform_core.training.signing import ModelKeys

    known = ModelKeys(None, trusted=keys) if keys else model_keys(settings)
    artifact = open_artifact(directory, known, name=name, version=version, max_bytes=settings.models.max_bytes)
    load_model(artifact)
    return artifact
