"""Whether the version in production has grown old: findings that a retraining is proposed by.

Two, both by what a gate looks at: its training data no longer looks like the newest data (the drift gate, asked about
the champion), and its scores separate fraud worse than when it was registered, with confidence.
"""

from __future__ import annotations

import numpy as np

from foundation.frozen import Frozen
from platform_core.training.gates.checks.drift import GATE as DRIFT
from platform_core.training.gates.checks.performance import not_enough
from platform_core.training.gates.intervals import Ranked, percentile, replicates
from platform_core.training.gates.judging import judged
from platform_core.training.gates.port import Case
from platform_core.training.gates.verdicts import GateVerdict


class Decay:
    """AUC on the newest labelled payments against the AUC that the version was registered with."""

    name = "decay"
    summary = "the version in production separates fraud as it did when it was registered"

    def judge(self, case: Case) -> GateVerdict:
        rows, limits = case.evidence.held_out(), case.policy.decay
        too_few = not_enough(rows, case.policy.held_out)
        if too_few is not None:
            return too_few.model_copy(update={"gate": self.name})
        was = case.candidate.version.signature.metrics["auc"]
        ranked = Ranked.of(case.candidate.score(rows.matrix(case.candidate)))
        positive, negative = rows.weight * rows.label, rows.weight * (1 - rows.label)
        drawn = replicates(rows.label, limits.replicates, case.policy.held_out.seed)
        found = np.array([ranked.auc_and_precision(positive * n, negative * n)[0] for n in drawn])
        auc = percentile(ranked.auc_and_precision(positive, negative)[0], found, limits.confidence)
        if not np.isfinite([was, auc.low, auc.high]).all():
            return GateVerdict(
                gate=self.name,
                outcome="could_not_be_judged",
                said=f"AUC {auc.estimate} [{auc.low}, {auc.high}], {was} when it was registered: not all are numbers",
            )
        # Certainly less, not only perhaps: who proposes a training every week is not listened to in the fifth.
        decayed = auc.high < was - limits.auc_drop
        return GateVerdict(
            gate=self.name,
            outcome="failed" if decayed else "passed",
            said=f"AUC {auc.estimate:.4f} [{auc.low:.4f}, {auc.high:.4f}] on {len(rows):,} newer payments, "
            f"{was:.4f} when it was registered",
            figures={"auc": auc.estimate, "auc_high": auc.high, "registered_auc": was, "rows": len(rows)},
            limits={"auc_drop": limits.auc_drop},
        )


class Findings(Frozen):
    """On the version in production."""

    name: str
    version: str
    verdicts: tuple[GateVerdict, ...]

    @property
    def reasons(self) -> list[str]:
        """Why it should be trained again; empty when nothing says so."""
        return [f"{verdict.gate}: {verdict.said}" for verdict in self.verdicts if verdict.outcome == "failed"]


def findings(case: Case) -> Findings:
    """`case`: the version in production as the candidate."""
    version = case.candidate.version
    return Findings(
        name=version.name,
        version=version.version,
        verdicts=(judged(Decay(), case), judged(DRIFT, case)),
    )
