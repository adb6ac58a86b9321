"""What a gate is, and what it may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from foundation.errors import InvalidInput
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.verdicts import GateVerdict
from platform_core.training.scoring import LoadedModel

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

COUNTRY = "country"
"""The segment that tells tenants apart."""


@dataclass(frozen=True)
class Rows:
    """Payments with their features, rows x columns, NaN for null."""

    names: tuple[str, ...]
    features: Floats

    def __len__(self) -> int:
        return len(self.features)

    def matrix(self, model: LoadedModel) -> Floats:
        """The columns of `model`, in its order. Raises InvalidInput for one that is not here."""
        wanted = [feature.name for feature in model.version.signature.features]
        missing = [name for name in wanted if name not in self.names]
        if missing:
            raise InvalidInput(f"the rows lack {', '.join(missing)}, which version {model.version.version} reads")
        return np.ascontiguousarray(self.features[:, [self.names.index(name) for name in wanted]])


@dataclass(frozen=True)
class LabelledRows(Rows):
    """`label` is 1.0 for fraud; `weight` makes up for genuine payments that were left out; `segments` has, by dimension
    (country, …), the segment of each row."""

    label: Floats
    weight: Floats
    segments: Mapping[str, Texts]
    start: datetime
    end: datetime

    @property
    def frauds(self) -> int:
        return int((self.label == 1).sum())

    @property
    def tenants(self) -> Texts:
        """Whose each payment is: the country. Empty texts where that is not known."""
        return self.segments.get(COUNTRY, np.full(len(self), "", dtype=np.str_))


@dataclass(frozen=True, slots=True)
class ServedThreshold:
    """From which score on an endpoint that serves the model declines the payments of its tenant."""

    endpoint: str
    tenant: str
    value: float


@dataclass(frozen=True)
class Replay:
    """The same entity rows from both stores; `online` as the inference server would have got them."""

    names: tuple[str, ...]
    offline: Floats
    online: Floats

    def __len__(self) -> int:
        return len(self.offline)


class Evidence(Protocol):
    """Where a gate gets what it looks at. Each may raise a VigiaError: the gate could then not judge."""

    def held_out(self) -> LabelledRows:
        """Labelled payments that are newer than the training data of candidate and champion; may be few or none."""
        ...

    def training_rows(self) -> Rows:
        """A sample of the payments of the time that the candidate was trained on."""
        ...

    def newest_rows(self) -> Rows: ...
    def replay(self) -> Replay: ...
    def card(self) -> str: ...

    def declared_latency_ms(self) -> Mapping[str, float]:
        """Latency SLAs of the endpoints and views that the model works with, by name."""
        ...

    def thresholds(self) -> Sequence[ServedThreshold]:
        """Of the endpoints that serve the model, whichever version: they will decide by its scores."""
        ...

    def psi(self, reference: Floats, current: Floats) -> float:
        """Population stability index of two samples, as the drift monitors have it."""
        ...


@dataclass(frozen=True)
class Case:
    """One version before the gates. `champion`: the version in production, None when there is none."""

    candidate: LoadedModel
    champion: LoadedModel | None
    policy: GatePolicy
    evidence: Evidence


class Gate(Protocol):
    """One file in `platform_core.training.gates.checks`, which the registry finds there."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str:
        """What it asks, for people."""
        ...

    def judge(self, case: Case) -> GateVerdict:
        """Raises VigiaError when it cannot look; whoever runs it makes `could_not_be_judged` of that."""
        ...
