"""What a training run came from: the code, the environment and the question that was put to the tables."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path

from foundation.canonical import digest
from platform_core.catalog.specs import Catalog
from platform_core.training.plan import TrainingPlan
from platform_core.training.types import SignatureFeature


@lru_cache(maxsize=1)
def code_version() -> str:
    """SHA-256 over the source of training, of features and of the catalog, file by file: what decides how a model comes
    out. Of the code as it was when the process first asked."""
    above = Path(__file__).parent.parent
    sha = hashlib.sha256()
    for path in sorted(p for room in ("training", "features", "catalog") for p in (above / room).rglob("*.py")):
        sha.update(str(path.relative_to(above)).encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()


@lru_cache(maxsize=1)
def environment_lock() -> str:
    """SHA-256 over `name==version` of every distribution that is installed, this project itself excepted."""
    found = {f"{d.metadata['Name'].lower().replace('_', '-')}=={d.version}" for d in distributions()}
    lines = sorted(line for line in found if not line.startswith("vigia=="))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def query_digest(plan: TrainingPlan, catalog: Catalog, features: tuple[SignatureFeature, ...]) -> str:
    """Of the plan's data part, the tables that are read and the definitions of the features: with the tables' versions
    it names the training set."""
    asked = plan.model_dump(
        mode="json", include={"feature_service", "label", "window", "feature_lag", "max_rows", "seed"}
    )
    sources = [{"name": s.name, "table": s.table, "tenant": s.tenant} for s in catalog.sources]
    columns = [feature.model_dump(mode="json") for feature in features]
    return digest({"asked": asked, "sources": sources, "features": columns})
