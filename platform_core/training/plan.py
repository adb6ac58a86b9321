"""A training run, declared: everything that decides which model comes out, in one reviewed YAML file.

model: fraud_score
feature_service: fraud_v1
window: {start: 2026-11-09T05:40:00Z, end: 2026-11-17T05:40:00Z}
seed: 7
estimator: {flavor: lightgbm, trees: 100, parameters: {num_leaves: 31, learning_rate: 0.08}}
segments:
  - {name: country, column: tenant}
  - {name: merchant_size, column: merchant_profile__tx_count_24h, buckets: 3}
costs: {missed: 5, declined: 1}
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, FiniteFloat, ValidationError, field_validator, model_validator

from foundation.errors import InvalidInput, NotFound, Unavailable
from foundation.frozen import Frozen
from platform_core.catalog.durations import Duration
from platform_core.catalog.specs import ColumnName, Name
from platform_core.catalog.yaml_file import YamlFile

Scalar = FiniteFloat | int | bool | str | None

LightGbmParameter = Literal[
    "num_leaves", "learning_rate", "min_data_in_leaf", "min_sum_hessian_in_leaf", "feature_fraction",
    "bagging_fraction", "bagging_freq", "lambda_l1", "lambda_l2", "max_depth", "max_bin", "min_gain_to_split",
    "path_smooth", "extra_trees", "scale_pos_weight",
]  # fmt: skip


class Label(Frozen):
    """A table per tenant that says of some events what became of them: 1 for fraud, 0 for genuine."""

    table: str = "chargebacks_{tenant}"
    key: ColumnName = "event_id"
    """In this table and in the sources."""

    column: ColumnName = "is_fraud"


class Window(Frozen):
    """Events with start <= event time < end."""

    start: AwareDatetime
    end: AwareDatetime

    @field_validator("start", "end")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return value.astimezone(UTC)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"it ends at {self.end}, before it begins")
        return self


class LightGbm(Frozen):
    flavor: Literal["lightgbm"] = "lightgbm"
    trees: int = Field(default=100, ge=1, le=10_000)
    parameters: dict[LightGbmParameter, FiniteFloat | int | bool] = Field(default_factory=dict)


class Sklearn(Frozen):
    """`parameters` are the estimator's own; `random_state` is the plan's seed and `n_jobs` is one."""

    flavor: Literal["sklearn"]
    estimator: Literal["logistic_regression", "hist_gradient_boosting", "random_forest"]
    parameters: dict[str, Scalar] = Field(default_factory=dict)


class Segment(Frozen):
    """Where metrics are also taken apart. `column`: of a source, `tenant`, or one of the model's columns; with
    `buckets`, a number that is cut into so many parts of equal size."""

    name: Name
    column: ColumnName
    buckets: int | None = Field(default=None, ge=2, le=20)


class Costs(Frozen):
    """What a wrong decision costs, in any one unit: a fraud that passes, and a genuine payment that is declined."""

    missed: float = Field(default=5.0, gt=0)
    declined: float = Field(default=1.0, gt=0)


class TrainingPlan(Frozen):
    model: Name
    feature_service: Name
    label: Label = Label()
    window: Window
    validation_share: float = Field(default=0.2, gt=0, lt=0.9)
    """The newest part of the rows, which the model is judged on."""

    feature_lag: Duration | None = None
    """How old the newest features are that a payment is scored with; without, everything up to the moment before."""

    max_rows: int = Field(default=60_000, ge=10)
    """All fraud is kept (up to half of them), genuine payments are drawn down to it and weighted."""

    seed: int = Field(ge=0, lt=2**31)
    estimator: Annotated[LightGbm | Sklearn, Field(discriminator="flavor")] = LightGbm()
    segments: tuple[Segment, ...] = (Segment(name="country", column="tenant"),)
    costs: Costs = Costs()

    def over(self, start: datetime | None, end: datetime | None) -> TrainingPlan:
        """The same plan over another window. Raises InvalidInput."""
        return make_plan(
            {
                **self.model_dump(mode="json"),
                "window": {"start": start or self.window.start, "end": end or self.window.end},
            }
        )


def make_plan(document: object, where: str = "the plan") -> TrainingPlan:
    """Raises InvalidInput naming every field that does not fit."""
    try:
        return TrainingPlan.model_validate(document)
    except ValidationError as error:
        raise InvalidInput("; ".join(f"{where}: {line}" for line in _lines(error))) from error


def load_plan(path: Path) -> TrainingPlan:
    """Raises NotFound, Unavailable, and InvalidInput naming the line."""
    try:
        file = YamlFile(str(path), path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"there is no plan {str(path)!r}", hint="see docs/models.md for one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{str(path)!r} cannot be read: {error}") from error
    try:
        return TrainingPlan.model_validate(file.document)
    except ValidationError as error:
        lines = [f"{file.at(*item['loc'])}: {line}" for item, line in zip(error.errors(), _lines(error), strict=True)]
        raise InvalidInput("\n".join(lines), hint="see docs/models.md for a whole plan") from error


def _lines(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in item['loc']) or 'it'}: {item['msg'][:1].lower()}{item['msg'][1:]}"
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]
