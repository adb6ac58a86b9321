"""What fitting takes and gives, whatever trains the model."""

from __future__ import annotations

from dataclasses import dataclass

from platform_core.training.metrics import Floats
from platform_core.training.scoring import ScoringModel


@dataclass(frozen=True)
class Rows:
    """Shape (rows, columns), (rows,) and (rows,). NaN is null."""

    names: tuple[str, ...]
    features: Floats
    label: Floats
    weight: Floats


@dataclass(frozen=True)
class Fitted:
    """`model_text` and `steps` as in `TrainedModel`; `model` scores exactly as they will when they are loaded."""

    model_text: str
    steps: str
    model: ScoringModel
    parameters: dict[str, float | int | str | bool]
    libraries: dict[str, str]
