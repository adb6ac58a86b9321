"""Why one row got its score: as the inference server explains it, against LightGBM's own `pred_contrib`, in turns; and
the values against those that `shap.TreeExplainer` works out itself (path-dependent, log-odds), in an environment of its
own.

LightGBM of 100 trees on 20 features. Prints a table and one line of JSON.

    python -m benchmarks.shap_one [--rows 300] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from benchmarks.batch_scoring import loaded_model
from benchmarks.online_setup import print_results
from benchmarks.peer_environment import peer_python
from benchmarks.serving_world import matrix, model_text
from platform_core.serving.scorer import attributions

SHAP = ["shap==0.49.*", "lightgbm==4.6.*", "numpy<2.4", "pandas<3"]
REACH = 1.2
_THEIRS = """
import json, sys
import lightgbm as lgb, numpy as np, shap
explainer = shap.TreeExplainer(lgb.Booster(model_file=sys.argv[1]))
explainer.model.model_type = "internal"  # else it asks LightGBM for pred_contrib
found = explainer(np.array(json.load(open(sys.argv[2]))), check_additivity=False)
json.dump(np.column_stack([found.values, found.base_values]).tolist(), open(sys.argv[3], "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    model, booster = loaded_model(), lgb.Booster(model_str=model_text())
    rows = [row.reshape(1, -1) for row in matrix()[: options.rows]]
    ours = [attributions(model, row)[0] for row in rows]
    values = np.array([[*each["features"].values(), each["base"]] for each in ours])
    difference = float(np.abs(values - _tree_explainer(np.vstack(rows))).max())
    if difference > 1e-6:
        raise SystemExit(f"the values differ from shap.TreeExplainer's by {difference}")
    best = [float("inf"), float("inf")]
    explain = (
        lambda row: attributions(model, row),
        lambda row: booster.predict(row, pred_contrib=True, num_threads=1),
    )
    for _ in range(options.rounds):
        for side, call in enumerate(explain):
            best[side] = min(best[side], _seconds(call, rows))
    figures = {
        "ours_us": round(best[0] * 1e6, 1),
        "pred_contrib_us": round(best[1] * 1e6, 1),
        "ratio": round(best[0] / best[1], 3),
        "reach": REACH,
        "largest_difference_from_shap": difference,
    }
    print_results("SHAP values of one row", [figures], {"benchmark": "shap_one", "rows": len(rows), **figures})


def _seconds(call: Callable[[npt.NDArray[np.float64]], object], rows: list[npt.NDArray[np.float64]]) -> float:
    started = time.process_time()
    for row in rows:
        call(row)
    return (time.process_time() - started) / len(rows)


def _tree_explainer(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    python = peer_python("shap", SHAP)
    with tempfile.TemporaryDirectory() as name:
        text, asked, told = (Path(name) / file for file in ("model.txt", "rows.json", "values.json"))
        text.write_text(model_text())
        asked.write_text(json.dumps(rows.tolist()))
        subprocess.run([str(python), "-c", _THEIRS, str(text), str(asked), str(told)], check=True)
        return np.array(json.loads(told.read_text()))


if __name__ == "__main__":
    main()
