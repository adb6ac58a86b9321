"""A fitted scikit-learn estimator as plain numbers (`steps`, `tree_text`), checked against the estimator itself.

A closed list of parts is known: SimpleImputer, StandardScaler and RobustScaler in a Pipeline, then LogisticRegression,
HistGradientBoostingClassifier, RandomForestClassifier or ExtraTreesClassifier, of two classes 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from foundation.errors import Conflict, InvalidInput
from platform_core.training.metrics import Floats
from platform_core.training.steps import Impute, Linear, Scale, SinglePrecision, Step, SteppedModel, Steps, Trees
from platform_core.training.tree_text import TreeArrays, constant, tree_text

TOLERANCE = 1e-12
_KNOWN = "SimpleImputer, StandardScaler, RobustScaler; logistic regression, histogram boosting, random forest"


def export_sklearn(estimator: Any, names: Sequence[str], sample: Floats) -> tuple[str, str, SteppedModel]:
    """`model_text`, `steps` and the model they make. `sample`: rows of training, at least one.

    Raises InvalidInput for a part that is not known, Conflict when the export does not score `sample` as the estimator
    does, within 1e-12: then this version of scikit-learn computes something else than we wrote down.
    """
    *before, last = [part for _, part in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    if list(getattr(last, "classes_", ())) != [0, 1]:
        raise InvalidInput(f"{type(last).__name__} does not tell 0 from 1", hint="fit it to labels 0 and 1")
    prepared = sample
    steps: list[Step] = []
    for part in before:
        steps.extend(_step(part, len(names)))
        prepared = part.transform(prepared)
    text, final, more = _estimator(last, names, np.asarray(prepared))
    written = Steps(columns=len(names), before=(*steps, *more), estimator=final).model_dump_json()
    model = SteppedModel.from_files(written, text)
    expected = np.asarray(estimator.predict_proba(sample))[:, 1]
    difference = float(np.max(np.abs(model.score(sample) - expected)))
    if not difference <= TOLERANCE:
        raise Conflict(
            f"the export of {type(last).__name__} scores otherwise than itself, by up to {difference:g}",
            hint="use the locked version of scikit-learn",
        )
    return text, written, model


def _step(part: Any, columns: int) -> Iterator[Step]:
    kind = type(part).__name__
    if part == "passthrough":
        return
    if kind == "SimpleImputer":
        values = np.asarray(part.statistics_, dtype=np.float64)
        if part.add_indicator or len(values) != columns or np.isnan(values).any():
            raise InvalidInput("the imputer adds or drops columns", hint="keep_empty_features, and no indicators")
        yield Impute(values=tuple(values.tolist()))
    elif kind == "StandardScaler":
        # It keeps the means even where it does not take them away.
        yield Scale(
            center=_column(part.mean_ if part.with_mean else None, columns, 0.0),
            scale=_column(part.scale_, columns, 1.0),
        )
    elif kind == "RobustScaler":
        yield Scale(center=_column(part.center_, columns, 0.0), scale=_column(part.scale_, columns, 1.0))
    else:
        raise InvalidInput(f"a pipeline with {kind} cannot be stored without a pickle", hint=f"known: {_KNOWN}")


def _column(values: Any, columns: int, default: float) -> tuple[float, ...]:
    return (default,) * columns if values is None else tuple(np.asarray(values, dtype=np.float64).tolist())


def _estimator(last: Any, names: Sequence[str], rows: Floats) -> tuple[str, Linear | Trees, tuple[Step, ...]]:
    kind = type(last).__name__
    if kind == "LogisticRegression":
        coefficients = tuple(np.asarray(last.coef_, dtype=np.float64)[0].tolist())
        means = tuple(rows.mean(axis=0).tolist())
        return "", Linear(coefficients=coefficients, intercept=float(last.intercept_[0]), means=means), ()
    if kind == "HistGradientBoostingClassifier":
        trees = [constant(float(last._baseline_prediction[0, 0])), *(_boosted(p[0].nodes) for p in last._predictors)]
        return tree_text(names, trees, logistic=True), Trees(), ()
    if kind in ("RandomForestClassifier", "ExtraTreesClassifier"):
        trees = [_forest(tree.tree_, len(last.estimators_)) for tree in last.estimators_]
        return tree_text(names, trees, logistic=False), Trees(), (SinglePrecision(),)
    raise InvalidInput(f"{kind} cannot be stored without a pickle", hint=f"known: {_KNOWN}")


def _boosted(nodes: Any) -> TreeArrays:
    if nodes["is_categorical"].any():
        raise InvalidInput("categorical splits cannot be stored", hint="a model reads numbers")
    leaf = nodes["is_leaf"].astype(bool)
    return TreeArrays(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        nulls_left=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"],
        count=nodes["count"].astype(np.int64),
    )


def _forest(tree: Any, trees: int) -> TreeArrays:
    # A forest's score is the mean of its trees' probabilities, ours is a sum.
    return TreeArrays(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        nulls_left=np.asarray(tree.missing_go_to_left).astype(bool),
        value=tree.value[:, 0, 1] / trees,
        count=tree.n_node_samples,
    )
