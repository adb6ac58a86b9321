"""SHAP values sum to the score, and are what the definition of a Shapley value says they are."""

from __future__ import annotations

import numpy as np
import pytest

from platform_core.training.scoring import LoadedModel
from tests.fakes.models import loaded_model, random_matrix


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded_model()


def test_they_sum_to_the_logit_of_the_score(model: LoadedModel):
    rows = random_matrix(model, 200)
    score = model.score(rows)
    values = model.attributions(rows)
    assert values.shape == (200, rows.shape[1] + 1)
    np.testing.assert_allclose(values.sum(axis=1), np.log(score / (1 - score)), atol=1e-9)


def test_a_row_is_explained_alike_alone_and_in_bulk(model: LoadedModel):
    rows = random_matrix(model, 50)
    bulk = model.attributions(rows, threads=2)
    np.testing.assert_array_equal(bulk, np.vstack([model.attributions(row[None, :]) for row in rows]))
    np.testing.assert_array_equal(model.score(rows, threads=2), np.hstack([model.score(r[None, :]) for r in rows]))


def test_they_are_shapley_values(model: LoadedModel):
    """By brute force over all subsets of the columns."""
    rows = random_matrix(model, 3)
    for row, values in zip(rows, model.attributions(rows), strict=True):
        np.testing.assert_allclose(values, brute_force_shapley(model, row), atol=1e-9)


def brute_force_shapley(model: LoadedModel, row: np.ndarray) -> np.ndarray:
    """Of the path-dependent game: a column outside the subset sends a row down both branches, by training counts."""
    from itertools import combinations
    from math import factorial

    trees = [tree["tree_structure"] for tree in model.booster.dump_model()["tree_info"]]
    n = len(row)

    def value(subset: frozenset[int]) -> float:
        return sum(_expected(tree, row, subset) for tree in trees)

    answer = np.zeros(n + 1)
    answer[-1] = value(frozenset())
    for column in range(n):
        others = [c for c in range(n) if c != column]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for chosen in combinations(others, size):
                known = frozenset(chosen)
                answer[column] += weight * (value(known | {column}) - value(known))
    return answer


def _expected(node: dict, row: np.ndarray, known: frozenset[int]) -> float:
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return _expected(left if _goes_left(node, row[node["split_feature"]]) else right, row, known)
    weights = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    return sum(w * _expected(c, row, known) for w, c in zip(weights, (left, right), strict=True)) / sum(weights)


def _goes_left(node: dict, value: float) -> bool:
    assert node["decision_type"] == "<="
    if np.isnan(value):
        if node["missing_type"] == "NaN":
            return node["default_left"]
        value = 0.0
    return value <= node["threshold"]
