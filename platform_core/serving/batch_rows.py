"""One chunk of a batch: its columns as the model's matrix, and the scores beside what was left of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.training.scoring import LoadedModel

Join = Callable[[pa.Table], pa.Table]
"""The point-in-time join over a feature service: entity rows, in their order, with a column `view__feature` for each
feature as of `event_timestamp`."""


class RowScorer:
    """Scores Arrow tables with one model. Columns are matched by name; nulls are NaN, as they are online."""

    def __init__(
        self, model: LoadedModel, join: Join | None, *, decline_threshold: float, attributions: bool, threads: int
    ) -> None:
        self._model = model
        self._join = join
        self._threshold = decline_threshold
        self._attributions = attributions
        self._threads = threads
        self._features = model.version.signature.features

    def check(self, schema: pa.Schema) -> None:
        """Raises InvalidInput when rows of this schema cannot be scored, naming the columns."""
        missing = [feature for feature in self._features if feature.name not in schema.names]
        unjoined = [f.name for f in missing if f.origin == "request" or self._join is None]
        if unjoined:
            raise InvalidInput(
                f"the input lacks {', '.join(unjoined)}",
                hint="give request-time inputs as columns; features of the store can be joined as of event_timestamp",
            )
        for feature in self._features:
            if feature.name in schema.names and not _numeric(schema.field(feature.name).type):
                kind = schema.field(feature.name).type
                raise InvalidInput(f"the column {feature.name!r} is {kind}", hint="give numbers or booleans")

    def score(self, rows: pa.Table) -> pa.Table:
        """`rows` in their order without the model's columns, with score, declined, model_version."""
        kept = [name for name in rows.column_names if name not in {feature.name for feature in self._features}]
        matrix = self._matrix(rows)
        scores = self._model.score(matrix, threads=self._threads)
        answer = rows.select(kept)
        version = pa.repeat(self._model.version.version, len(rows))
        answer = answer.append_column("score", pa.array(scores))
        answer = answer.append_column("declined", pa.array(scores >= self._threshold))
        answer = answer.append_column("model_version", version)
        if self._attributions:
            values = self._model.attributions(matrix, threads=self._threads)
            for position, feature in enumerate(self._features):
                answer = answer.append_column(f"shap__{feature.name}", pa.array(values[:, position]))
            answer = answer.append_column("shap__base", pa.array(values[:, -1]))
        return answer

    def declined(self, scored: pa.Table) -> int:
        return int(np.count_nonzero(scored["declined"].to_numpy(zero_copy_only=False)))

    def _matrix(self, rows: pa.Table) -> npt.NDArray[np.float64]:
        if self._join is not None and any(feature.name not in rows.column_names for feature in self._features):
            rows = self._join(rows)
        matrix = np.empty((len(rows), len(self._features)))
        for position, feature in enumerate(self._features):
            matrix[:, position] = rows[feature.name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        return matrix


def _numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
