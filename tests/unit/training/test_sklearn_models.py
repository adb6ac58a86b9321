"""scikit-learn's estimators as plain numbers: scored as they score themselves, one row as many, in any thread."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from threadpoolctl import threadpool_limits

from foundation.errors import Conflict, InvalidInput
from platform_core.training.fitted import Rows
from platform_core.training.fitting import fit
from platform_core.training.plan import LightGbm, Sklearn
from platform_core.training.sklearn_export import export_sklearn
from platform_core.training.steps import SteppedModel
from platform_core.training.trees import TreeModel

NAMES = ("amount", "hour", "count", "flag")


def rows(seed: int = 1, size: int = 600) -> Rows:
    rng = np.random.default_rng(seed)
    features = np.column_stack(
        [rng.lognormal(3, 1, size), rng.integers(0, 24, size), rng.poisson(2, size), rng.random(size) < 0.3]
    ).astype(np.float64)
    features[rng.random(features.shape) < 0.15] = np.nan
    # Whether the count is missing tells most: there must be splits on nulls alone.
    signal = 4 * np.isnan(features[:, 2]) + np.nan_to_num(features[:, 0]) / 40 + rng.normal(size=size)
    return Rows(NAMES, features, (signal > 2).astype(np.float64), rng.uniform(1, 3, size))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenMP's threads wait for each other in a loop, which takes long where others want the cores too."""
    with threadpool_limits(1):
        yield


def _imputer() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


ESTIMATORS = [
    make_pipeline(_imputer(), StandardScaler(), LogisticRegression()),
    make_pipeline(
        RobustScaler(), _imputer(), StandardScaler(with_mean=False), LogisticRegression(C=0.1, max_iter=2000)
    ),
    HistGradientBoostingClassifier(max_iter=25, max_leaf_nodes=9, random_state=0),
    RandomForestClassifier(25, max_depth=6, random_state=0),
    make_pipeline(_imputer(), ExtraTreesClassifier(15, random_state=0)),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(getattr(e, "steps", [(0, e)])[-1][1]).__name__)
def test_an_export_scores_as_its_estimator(estimator: object) -> None:
    data, unseen = rows(), rows(2)
    estimator.fit(data.features, data.label)  # type: ignore[attr-defined]
    text, steps, model = export_sklearn(estimator, NAMES, data.features[:50])
    expected = estimator.predict_proba(unseen.features)[:, 1]  # type: ignore[attr-defined]
    np.testing.assert_allclose(model.score(unseen.features), expected, rtol=0, atol=1e-12)
    again = SteppedModel.from_files(steps, text)
    np.testing.assert_array_equal(again.score(unseen.features), model.score(unseen.features))


@pytest.mark.parametrize(
    "estimator",
    [
        LightGbm(trees=20),
        Sklearn(flavor="sklearn", estimator="logistic_regression"),
        Sklearn(flavor="sklearn", estimator="hist_gradient_boosting", parameters={"max_iter": 20}),
        Sklearn(flavor="sklearn", estimator="random_forest", parameters={"n_estimators": 20, "max_depth": 5}),
    ],
    ids=lambda e: getattr(e, "estimator", "lightgbm"),
)
def test_one_row_scores_as_in_bulk_and_its_attributions_sum_up(estimator: LightGbm | Sklearn) -> None:
    fitted = fit(estimator, rows(), 3)
    matrix = rows(2).features
    bulk = fitted.model.score(matrix)

    def one_by_one(_: int) -> np.ndarray:
        return np.array([fitted.model.score_one(row) for row in matrix])

    with ThreadPoolExecutor(4) as pool:
        for alone in pool.map(one_by_one, range(4)):
            np.testing.assert_allclose(alone, bulk, rtol=0, atol=1e-12)
    total = fitted.model.attributions(matrix).sum(axis=1)
    averaging = getattr(estimator, "estimator", "") == "random_forest"
    np.testing.assert_allclose(total, bulk if averaging else np.log(bulk / (1 - bulk)), atol=1e-9)
    # Rows that are no contiguous float64 of the right length.
    assert fitted.model.score_one(np.asfortranarray(matrix)[0]) == pytest.approx(bulk[0], abs=1e-12)
    with pytest.raises(InvalidInput, match="the row has 1 values, the model reads 4"):
        fitted.model.score_one(np.array([1.0]))


def test_a_booster_outlives_its_threads() -> None:
    """A predictor belongs to a thread and holds memory of the library: it is given back when the thread ends."""
    model = fit(LightGbm(trees=5), rows(), 3).model
    assert isinstance(model, TreeModel)
    row = rows().features[0]
    for _ in range(20):
        with ThreadPoolExecutor(2) as pool:
            assert len(set(pool.map(lambda _: model.score_one(row), range(4)))) == 1


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (make_pipeline(MinMaxScaler(), LogisticRegression()), "a pipeline with MinMaxScaler"),
        (
            make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression()),
            "the imputer adds or drops columns",
        ),
        (make_pipeline(SimpleImputer(), GaussianNB()), "GaussianNB cannot be stored without a pickle"),
    ],
)
def test_what_is_not_known_is_refused(estimator: object, why: str) -> None:
    data = rows()
    features = np.nan_to_num(data.features) if "MinMax" in why else data.features
    estimator.fit(features, data.label)  # type: ignore[attr-defined]
    with pytest.raises(InvalidInput, match=why):
        export_sklearn(estimator, NAMES, features[:10])


def test_an_export_that_scores_otherwise_is_not_used() -> None:
    data = rows()
    forest = RandomForestClassifier(5, max_depth=3, random_state=0).fit(data.features, data.label)
    forest.predict_proba = lambda sample: np.full((len(sample), 2), 0.5)  # another version of scikit-learn, say
    with pytest.raises(Conflict, match="scores otherwise than itself"):
        export_sklearn(forest, NAMES, data.features[:10])


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"n_jobs": 4}, "the plan may not set n_jobs"),
        ({"depth": 3}, "random_forest refuses the plan's parameters"),
        ({"n_estimators": -1}, "random_forest refuses the plan's parameters"),
    ],
)
def test_parameters_that_the_estimator_refuses(parameters: dict[str, int], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        fit(Sklearn(flavor="sklearn", estimator="random_forest", parameters=parameters), rows(), 1)
    with pytest.raises(InvalidInput, match="LightGBM refuses"):
        fit(LightGbm(trees=2, parameters={"num_leaves": 1}), rows(), 1)
