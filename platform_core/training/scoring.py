"""A loaded model, ready to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from platform_core.training.trees import TreeModel
from platform_core.training.types import ModelVersion

if TYPE_CHECKING:
    import lightgbm as lgb

Floats = npt.NDArray[np.float64]


class ScoringModel(Protocol):
    """What every flavor comes down to. Thread-safe. `columns`: how many values a row has."""

    columns: int

    def score(self, rows: Floats, *, threads: int = 1) -> Floats: ...

    def score_one(self, row: Floats) -> float: ...

    def attributions(self, rows: Floats, *, threads: int = 1) -> Floats: ...


@dataclass(frozen=True)
class LoadedModel:
    """Thread-safe."""

    version: ModelVersion
    model: ScoringModel

    @property
    def booster(self) -> lgb.Booster:
        """Of a model of flavor lightgbm."""
        if not isinstance(self.model, TreeModel):
            raise TypeError(f"{self.version.name} version {self.version.version} is no plain tree model")
        return self.model.booster

    def vector(self, values: Mapping[str, float | None]) -> Floats:
        """`values` in the order of the model's columns, shape (1, columns); None and absent are NaN."""
        return np.array([[values.get(f.name) for f in self.version.signature.features]], dtype=np.float64)

    def score(self, rows: Floats, *, threads: int = 1) -> Floats:
        """Probability of fraud for each row, shape (rows,). The same to the last bit for any number of threads."""
        return self.model.score(rows, threads=threads)

    def score_one(self, row: Floats) -> float:
        """The same for one row, shape (columns,), within 1e-12 and many times faster."""
        return self.model.score_one(row)

    def attributions(self, rows: Floats, *, threads: int = 1) -> Floats:
        """SHAP values, shape (rows, columns + 1): one per column of the model, then the base value.

        Exact, by TreeSHAP over the paths of the trees (Lundberg et al., "Consistent Individualized Feature Attribution
        for Tree Ensembles", 2018; what LightGBM calls `pred_contrib`), and of a linear model coefficient by
        coefficient. Each row sums to logit(score); of a random forest, which averages probabilities, to the score.
        """
        return self.model.attributions(rows, threads=threads)
