"""A small registered model in memory, rows for it, and files of such rows."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from platform_core.training.scoring import LoadedModel
from platform_core.training.trees import TreeModel
from platform_core.training.types import ModelVersion
from tests.fakes.inference import small_model


def loaded_model(seed: int = 1) -> LoadedModel:
    trained = small_model(seed)
    version = ModelVersion(
        name="fraud_score",
        version="1",
        stage="production",
        signature=trained.signature,
        files={"model.txt": "0" * 64},
        created_at=datetime(2026, 11, 19, tzinfo=UTC),
        created_by="service:training",
    )
    return LoadedModel(version, TreeModel.from_text(trained.model_text))


def random_matrix(model: LoadedModel, rows: int, seed: int = 3) -> npt.NDArray[np.float64]:
    """Rows of plausible values with some nulls, in the order of the model's columns."""
    rng = np.random.default_rng(seed)
    scale = {"amount": 40.0, "hour": 12.0, "is_online": 0.5}
    columns = [rng.gamma(1.5, scale.get(f.name, 2.0), rows) for f in model.version.signature.features]
    matrix = np.column_stack(columns)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix
