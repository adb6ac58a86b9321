"""A peer of the serving benchmarks. Runs in the peer's own environment, imports nothing of ours.

    python serving_peer.py mlflow MODEL_TEXT DIRECTORY       writes DIRECTORY/model for `mlflow models serve`
    python serving_peer.py bentoml MODEL_TEXT DIRECTORY      writes DIRECTORY/service.py for `bentoml serve`
    python serving_peer.py feast MODEL_TEXT DIRECTORY        writes DIRECTORY/model; see `serving_feast.py`

Each is set up as its documentation has it, and given what makes it faster where there is a choice: BentoML takes and
returns arrays, MLflow's model has a signature but no example.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

FEATURES = [f"f{i}" for i in range(20)]
BENTO = """
import bentoml
import lightgbm as lgb
import numpy as np


@bentoml.service(workers=1, traffic={{"timeout": 30}})
class Fraud:
    def __init__(self) -> None:
        self.booster = lgb.Booster(model_file={path!r})

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.booster.predict(rows, num_threads=1)
"""


def main() -> None:
    kind, text, directory = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if kind == "bentoml":
        (directory / "service.py").write_text(BENTO.format(path=str(text)))
        return
    import lightgbm as lgb
    import mlflow.lightgbm
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec("double", name) for name in FEATURES])
    signature = ModelSignature(inputs=inputs, outputs=Schema([ColSpec("double")]))
    booster = lgb.Booster(model_file=str(text))
    mlflow.lightgbm.save_model(booster, str(directory / "model"), signature=signature)


if __name__ == "__main__":
    main()
