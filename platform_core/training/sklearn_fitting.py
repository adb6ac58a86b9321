"""Fitting scikit-learn's estimators: on one thread, so that a seed means what it says."""

from __future__ import annotations

from typing import Any

import numpy as np

from foundation.errors import InvalidInput
from platform_core.training.fitted import Fitted, Rows
from platform_core.training.plan import Sklearn
from platform_core.training.sklearn_export import export_sklearn

_RESERVED = ("random_state", "n_jobs", "class_weight", "warm_start", "verbose", "categorical_features")
_SAMPLE = 2_000


def fit_sklearn(estimator: Sklearn, rows: Rows, seed: int) -> Fitted:
    """Raises InvalidInput for parameters that the estimator refuses."""
    import sklearn
    from threadpoolctl import threadpool_limits

    for name in _RESERVED:
        if name in estimator.parameters:
            raise InvalidInput(f"the plan may not set {name}", hint="seed, weights and threads are the pipeline's")
    # Of BLAS and OpenMP: how many threads add up decides the last bits of a sum.
    with threadpool_limits(1):
        try:
            model, weights = make_estimator(estimator, seed)
            model.fit(rows.features, rows.label.astype(np.int64), **{weights: rows.weight})
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{estimator.estimator} refuses the plan's parameters: {error}") from error
        step = max(1, len(rows.features) // _SAMPLE)
        text, steps, exported = export_sklearn(model, rows.names, rows.features[::step])
    parameters = {name: _plain(value) for name, value in estimator.parameters.items()}
    return Fitted(
        model_text=text,
        steps=steps,
        model=exported,
        parameters={"estimator": estimator.estimator, **parameters},
        libraries={"scikit-learn": sklearn.__version__},
    )


def make_estimator(estimator: Sklearn, seed: int) -> tuple[Any, str]:
    """The estimator, and the name under which it takes sample weights."""
    parameters: dict[str, Any] = {**estimator.parameters, "random_state": seed}
    if estimator.estimator == "logistic_regression":
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        before = (SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        return make_pipeline(*before, LogisticRegression(**parameters)), "logisticregression__sample_weight"
    if estimator.estimator == "hist_gradient_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(**parameters), "sample_weight"
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_jobs=1, **parameters), "sample_weight"


def _plain(value: float | str | bool | None) -> float | int | str | bool:
    return "none" if value is None else value
