"""From rows to a model in memory, whatever trains it. The same rows, plan and libraries give the same bytes."""

from __future__ import annotations

from foundation.errors import InvalidInput
from platform_core.training.fitted import Fitted, Rows
from platform_core.training.plan import LightGbm, Sklearn
from platform_core.training.trees import TreeModel

# One thread, row-wise histograms: sums are then taken in one order, and a seed means what it says.
_FIXED: dict[str, float | int | str | bool] = {
    "objective": "binary",
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_DEFAULTS: dict[str, float | int | str | bool] = {
    "num_leaves": 31,
    "learning_rate": 0.08,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.9,
}


def fit(estimator: LightGbm | Sklearn, rows: Rows, seed: int) -> Fitted:
    """Raises InvalidInput for parameters that the estimator refuses."""
    if isinstance(estimator, Sklearn):
        from platform_core.training.sklearn_fitting import fit_sklearn

        return fit_sklearn(estimator, rows, seed)
    return _fit_lightgbm(estimator, rows, seed)


def _fit_lightgbm(estimator: LightGbm, rows: Rows, seed: int) -> Fitted:
    import lightgbm as lgb

    parameters = {**_DEFAULTS, **estimator.parameters, **_FIXED, "seed": seed}
    data = lgb.Dataset(rows.features, rows.label, weight=rows.weight, feature_name=list(rows.names))
    try:
        booster = lgb.train(parameters, data, estimator.trees)
    except lgb.basic.LightGBMError as error:
        raise InvalidInput(f"LightGBM refuses the plan's parameters: {error}") from error
    text = booster.model_to_string()
    return Fitted(
        model_text=text,
        steps="",
        model=TreeModel.from_text(text),
        parameters={**parameters, "trees": estimator.trees},
        libraries={"lightgbm": lgb.__version__},
    )
