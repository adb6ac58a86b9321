"""What a scikit-learn model does to a row, as plain numbers: `model.json`.

A pipeline of a closed list of parts is written down as what it computes, not as a pickle: reading it executes nothing,
needs no scikit-learn, and any version of it can be read by any other. `sklearn_export` checks the transcript against
the estimator before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from foundation.errors import InvalidInput
from foundation.frozen import Frozen
from platform_core.training.trees import TreeModel

Floats = npt.NDArray[np.float64]
Prepare = Callable[[Floats], Floats]
"""Of a matrix of rows, or of one row; the same numbers either way."""


class Impute(Frozen):
    """Puts `values` in the place of nulls."""

    kind: Literal["impute"] = "impute"
    values: tuple[float, ...]

    def prepared(self) -> Prepare:
        values = np.asarray(self.values)
        return lambda rows: np.where(np.isnan(rows), values, rows)


class Scale(Frozen):
    """(value - center) / scale, by column."""

    kind: Literal["scale"] = "scale"
    center: tuple[float, ...]
    scale: tuple[float, ...]

    def prepared(self) -> Prepare:
        center, scale = np.asarray(self.center), np.asarray(self.scale)
        return lambda rows: (rows - center) / scale


class SinglePrecision(Frozen):
    """Rounds to float32, as scikit-learn's forests do with what they are given."""

    kind: Literal["single_precision"] = "single_precision"

    def prepared(self) -> Prepare:
        return lambda rows: rows.astype(np.float32).astype(np.float64)


class Linear(Frozen):
    """The logistic function of intercept + coefficients x row. `means`: of each column, as the model gets it, in
    training; attributions are relative to them."""

    kind: Literal["linear"] = "linear"
    coefficients: tuple[float, ...]
    intercept: float
    means: tuple[float, ...]


class Trees(Frozen):
    """The trees in `model.txt`."""

    kind: Literal["trees"] = "trees"


Step = Annotated[Impute | Scale | SinglePrecision, Field(discriminator="kind")]


class Steps(Frozen):
    """`before` in their order, then the estimator. `columns`: how many values a row has."""

    columns: int = Field(ge=1)
    before: tuple[Step, ...]
    estimator: Annotated[Linear | Trees, Field(discriminator="kind")]


class LinearModel:
    """Thread-safe: it only reads."""

    def __init__(self, linear: Linear) -> None:
        from scipy.special import expit

        self._logistic: Prepare = expit
        self._coefficients = np.asarray(linear.coefficients)
        self._intercept = linear.intercept
        self._means = np.asarray(linear.means)

    def score(self, rows: Floats, *, threads: int = 1) -> Floats:
        del threads  # a product of matrix and vector: BLAS decides
        return self._logistic(rows @ self._coefficients + self._intercept)

    def score_one(self, row: Floats) -> float:
        return float(self._logistic(row @ self._coefficients + self._intercept))

    def attributions(self, rows: Floats, *, threads: int = 1) -> Floats:
        """Coefficient x (value - mean): the Shapley values of a linear model whose columns are independent."""
        del threads
        base = np.full((len(rows), 1), self._intercept + self._means @ self._coefficients)
        return np.hstack([(rows - self._means) * self._coefficients, base])


class SteppedModel:
    """The steps, then the model. As thread-safe as the model."""

    def __init__(self, steps: Steps, model: TreeModel | LinearModel) -> None:
        self.columns = steps.columns
        self._before = [step.prepared() for step in steps.before]
        self._model = model

    @classmethod
    def from_files(cls, steps: str, trees: str) -> SteppedModel:
        """`trees` is empty for a linear model. Raises InvalidInput when they are not such files."""
        try:
            read = Steps.model_validate_json(steps)
        except ValidationError as error:
            raise InvalidInput(f"the model's steps cannot be read: {error.error_count()} problems") from error
        if isinstance(read.estimator, Linear):
            return cls(read, LinearModel(read.estimator))
        return cls(read, TreeModel.from_text(trees))

    def score(self, rows: Floats, *, threads: int = 1) -> Floats:
        return self._model.score(self._prepared(rows), threads=threads)

    def score_one(self, row: Floats) -> float:
        return self._model.score_one(self._prepared(row))

    def attributions(self, rows: Floats, *, threads: int = 1) -> Floats:
        return self._model.attributions(self._prepared(rows), threads=threads)

    def _prepared(self, rows: Floats) -> Floats:
        if rows.shape[-1] != self.columns:
            raise InvalidInput(f"the row has {rows.shape[-1]} values, the model reads {self.columns}")
        for step in self._before:
            rows = step(rows)
        return rows
