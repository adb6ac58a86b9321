"""What the version was trained on still looks like what comes in.

Every column of the model: PSI of the payments of its training window against the newest payments, by the statistic and
with the correction for small samples that the drift monitors use, and the change of the share of nulls.
"""

from __future__ import annotations

import numpy as np

from platform_core.training.gates.port import Case, Floats
from platform_core.training.gates.verdicts import Figure, GateVerdict


class Drift:
    name = "drift"
    summary = "the training data still looks like the newest data"

    def judge(self, case: Case) -> GateVerdict:
        limits, model = case.policy.drift, case.candidate
        reference, current = case.evidence.training_rows(), case.evidence.newest_rows()
        if min(len(reference), len(current)) < limits.min_rows:
            return GateVerdict(
                gate=self.name,
                outcome="could_not_be_judged",
                said=f"{len(reference)} payments of the training window and {len(current)} new ones are too few",
                figures={"training_rows": len(reference), "newest_rows": len(current)},
                limits={"training_rows": limits.min_rows, "newest_rows": limits.min_rows},
            )
        before, now = reference.matrix(model), current.matrix(model)
        names = [feature.name for feature in model.version.signature.features]
        psi: dict[str, float] = {}
        nulls: dict[str, float] = {}
        for place, name in enumerate(names):
            old, new = before[:, place], now[:, place]
            nulls[name] = float(np.isnan(new).mean() - np.isnan(old).mean())
            psi[name] = self._psi(case, old, new)
        moved = [n for n in names if psi[n] > limits.max_psi or abs(nulls[n]) > limits.max_null_rate_change]
        worst = max(names, key=lambda name: psi[name])
        figures: dict[str, Figure] = {
            "columns_over": len(moved),
            "largest_psi": psi[worst],
            "largest_psi_column": worst,
            "largest_null_rate_change": max(nulls.values(), key=abs),
            **{f"psi {name}": psi[name] for name in names},
        }
        said = ", ".join(f"{n} PSI {psi[n]:.2f}, nulls {nulls[n]:+.0%}" for n in moved[:4])
        return GateVerdict(
            gate=self.name,
            outcome="passed" if len(moved) <= limits.max_columns else "failed",
            said=(
                f"{len(moved)} of {len(names)} columns moved since training: {said}"
                if moved
                else f"no column of {len(names)} moved since training; the furthest is {worst}, PSI {psi[worst]:.3f}"
            ),
            figures=figures,
            limits={
                "columns_over": limits.max_columns,
                "largest_psi": limits.max_psi,
                "largest_null_rate_change": limits.max_null_rate_change,
            },
        )

    def _psi(self, case: Case, old: Floats, new: Floats) -> float:
        """Of the values that are there; where one side has none, the nulls tell."""
        old, new = old[~np.isnan(old)], new[~np.isnan(new)]
        return case.evidence.psi(old, new) if len(old) and len(new) else 0.0


GATE = Drift()
