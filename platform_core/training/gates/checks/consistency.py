"""The same payment gets the same score offline and online.

A replay of recent entity rows: features of the offline store as of the moment of the row that the online store serves,
scored in bulk as batch scoring does; and the online store's own values, scored one by one as the inference server does.
Scores must agree to the tolerance; how many values of each feature agree is reported beside.
"""

from __future__ import annotations

import numpy as np

from platform_core.training.gates.port import Case, Rows
from platform_core.training.gates.verdicts import Figure, GateVerdict

EQUAL = 1e-9
"""Relative: what counts as the same value of a feature."""


class Consistency:
    name = "consistency"
    summary = "a replay gives the same scores from the offline and from the online store"

    def judge(self, case: Case) -> GateVerdict:
        replay, limits, model = case.evidence.replay(), case.policy.consistency, case.candidate
        if len(replay) < limits.min_rows:
            return GateVerdict(
                gate=self.name,
                outcome="could_not_be_judged",
                said=f"{len(replay)} entity rows could be replayed, {limits.min_rows} are needed",
                figures={"rows": len(replay)},
                limits={"rows": limits.min_rows},
            )
        offline, online = (Rows(replay.names, features).matrix(model) for features in (replay.offline, replay.online))
        bulk = model.score(offline)
        single = np.array([model.score_one(row) for row in online])
        # a score that is no number differs from every other, by as much as scores can
        difference = np.nan_to_num(np.abs(bulk - single), nan=1.0)
        apart = float((difference > limits.tolerance).mean())
        same = np.isclose(offline, online, rtol=EQUAL, atol=EQUAL, equal_nan=True)
        names = [feature.name for feature in model.version.signature.features]
        parity = {name: float(same[:, i].mean()) for i, name in enumerate(names)}
        unequal = sorted((name for name in names if parity[name] < 1), key=lambda name: parity[name])
        passed = apart <= limits.max_unequal_share
        figures: dict[str, Figure] = {
            "rows": len(replay),
            "share_apart": apart,
            "largest_difference": float(difference.max()),
            **{f"parity {name}": parity[name] for name in names},
        }
        where = f"; {', '.join(f'{name} equal in {parity[name]:.1%}' for name in unequal[:3])}" if unequal else ""
        return GateVerdict(
            gate=self.name,
            outcome="passed" if passed else "failed",
            said=f"{apart:.1%} of {len(replay):,} replayed rows score apart, at most by {difference.max():.2g}{where}",
            figures=figures,
            limits={"share_apart": limits.max_unequal_share, "tolerance": limits.tolerance},
        )


GATE = Consistency()
