"""One training of the same thing at a time, over threads, processes and machines: the second is told who is first.

Two that train the same would come to the same version twice, and take two machines for it. A trainer that is killed is
succeeded when its lease runs out, on its own machine at once; one that was paused for longer than that finds, in the
transaction that would register its model, that somebody else has it, and registers nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from foundation.canonical import digest
from platform_core.features.leases import SqlLeases, kept
from platform_core.training.plan import TrainingPlan
from platform_core.training.registry import Guard


@dataclass(frozen=True)
class Turns:
    """`leases` None: for one process that is alone with its registry."""

    leases: SqlLeases | None = None

    @contextmanager
    def held(self, model: str, what: str) -> Generator[Guard]:
        """For as long as the block takes; it is handed the guard for `ModelRegistry.register`.

        Raises LeaseHeld, which says who has it and until when.
        """
        leases = self.leases
        if leases is None:
            yield lambda _: None
            return

        def ours(connection: Connection) -> None:
            leases.guard(connection, model, what, "training")

        with kept(leases, model, what, "training"):
            yield ours


def said_of(plan: TrainingPlan) -> str:
    """What two trainings have in common that would come to the same model of the same data."""
    return f"plan {digest(plan.model_dump(mode='json'))[:12]}"
