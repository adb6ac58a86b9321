"""What training produces and the registry keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field, FiniteFloat, JsonValue

from foundation.canonical import digest
from foundation.frozen import Frozen
from platform_core.training.quality import Quality

Stage = Literal["dev", "staging", "production"]

Flavor = Literal["lightgbm", "sklearn"]
"""What trained the model. How it is stored is said in `platform_core.training.scoring`."""

NumericDtype = Literal["float64", "int64", "bool"]


class SignatureFeature(Frozen):
    """A column of the model: from the online store (`view__feature`) or from the request."""

    name: str
    origin: Literal["store", "request"]
    dtype: NumericDtype = "float64"
    """In the catalog; in the model's matrix every column is float64."""

    definition: dict[str, str] = Field(default_factory=dict)
    """What decided its values when the model was trained, by aspect (window, filter, …); empty for a request field, and
    for a store feature of a model from before this was noted."""

    @property
    def version(self) -> str:
        """Of the feature: a digest of its definition; empty where none was noted."""
        return digest(self.definition)[:12] if self.definition else ""


class FeatureBaseline(Frozen):
    """How a column looked in training; None where every value was null."""

    null_rate: float
    mean: float | None
    stddev: float | None
    p01: float | None
    p50: float | None
    p99: float | None
    ventiles: tuple[float, ...] = ()
    """The 19 values between twentieths of the payments; none where every value was null."""


class ModelSignature(Frozen):
    """All that is needed to use the model rightly and to make it again. Stored as `signature.json`."""

    flavor: Flavor = "lightgbm"
    owner: str = ""
    """Who answers for it: the owner of the feature service, unless another is named."""

    feature_service: str
    features: tuple[SignatureFeature, ...]
    """In the order of the model's columns; a null is NaN."""

    decline_threshold: float
    """The score from which on declining is cheapest on the validation set; endpoints may set their own."""

    metrics: dict[str, FiniteFloat]
    baseline: dict[str, FeatureBaseline]
    parameters: dict[str, float | int | str | bool]
    seed: int
    data_digest: str
    data_start: datetime
    data_end: datetime
    rows: int
    code_version: str
    """SHA-256 over the source of training, features and catalog."""

    environment: dict[str, str]
    """Versions of Python and of the libraries that the numbers depend on."""

    environment_lock: str = ""
    """SHA-256 over the names and versions of all distributions that were installed."""

    plan: dict[str, JsonValue] = Field(default_factory=dict)
    """The `TrainingPlan`, as JSON; empty for a model from before there were plans."""

    table_versions: dict[str, int] = Field(default_factory=dict)
    """Of every table that was read; where the store has versions, exactly these were read."""

    query_digest: str = ""
    """SHA-256 over what was asked of these tables: the plan's data part and the definitions of the features."""

    quality: Quality | None = None
    """On the newest part of the data; `metrics` has its figures too."""

    scores: FeatureBaseline | None = None
    """How the scores looked on the newest part of the data."""


@dataclass(frozen=True)
class TrainedModel:
    """A model in memory, before it has a name. Nothing of it is executed in loading it."""

    model_text: str
    """Its trees in LightGBM's own text format, readable by any version; empty for a linear model."""

    signature: ModelSignature
    steps: str = ""
    """Of flavor sklearn: JSON of what happens to a row around the trees (`platform_core.training.steps`)."""


class ModelVersion(Frozen):
    """A registered version. `files` holds the SHA-256 of every file of its directory."""

    name: str
    version: str
    stage: Stage
    signature: ModelSignature
    files: dict[str, str]
    created_at: datetime
    created_by: str
