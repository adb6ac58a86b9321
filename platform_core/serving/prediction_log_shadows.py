"""Shadow scores, made in bulk by the log's own thread: a request neither waits for them nor pays for their calls."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from platform_core.serving.prediction_log_rows import PredictionRow, ScoringModel

_log = logging.getLogger(__name__)


def shadow_scores(rows: Sequence[PredictionRow], failed: Callable[[int], object] = int) -> list[str | None]:
    """A JSON object of scores by version for each row, None where nothing scores beside.

    Columns are matched by name, as versions may order them differently; a version that reads a column which the
    answering one does not have, or that fails, scores nothing of these rows: `failed` is told how many they are.
    """
    found: list[dict[str, float] | None] = [{} if row.shadows else None for row in rows]
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    pairs: dict[tuple[int, int], tuple[ScoringModel, ScoringModel]] = {}
    for position, row in enumerate(rows):
        if row.model is None or row.features is None:
            continue
        for shadow in row.shadows:
            key = id(row.model), id(shadow)
            pairs[key] = row.model, shadow
            groups[key].append(position)
    for key, positions in groups.items():
        answered, shadow = pairs[key]
        made = _scores(rows, positions, answered, shadow)
        if made is None:
            failed(len(positions))
            continue
        for position, score in zip(positions, made, strict=True):
            scores = found[position]
            if scores is not None:
                scores[shadow.version.version] = score
    return [None if scores is None else json.dumps(scores) for scores in found]


def _scores(
    rows: Sequence[PredictionRow], positions: Sequence[int], answered: ScoringModel, shadow: ScoringModel
) -> list[float] | None:
    names = [feature.name for feature in answered.version.signature.features]
    try:
        order = [names.index(feature.name) for feature in shadow.version.signature.features]
        packed = b"".join(rows[position].features or b"" for position in positions)
        matrix = np.frombuffer(packed, dtype="<f8").reshape(len(positions), len(names))
        return shadow.score(np.ascontiguousarray(matrix[:, order])).tolist()
    except Exception as error:  # noqa: BLE001 whatever a model does, the answers it scored beside are logged
        _log.warning("version %s scored nothing beside: %r", shadow.version.version, error)
        return None
