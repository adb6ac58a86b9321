"""By which thresholds payments are declined: those of the endpoints that serve the model, not the one it came with.

An endpoint serves one tenant and has a threshold of its own; champion and candidate are compared as it would decide
with either of them. A tenant that no endpoint serves yet is judged at each version's own threshold. Where several
endpoints serve a tenant at different thresholds, there are several ways to decide: a version has to stand in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.training.answering import serving
from platform_core.training.gates.port import Floats, LabelledRows, ServedThreshold
from platform_core.training.gates.verdicts import Figure
from platform_core.training.scoring import LoadedModel
from platform_core.urn import parse_urn

Mask = npt.NDArray[np.bool_]
OWN = "no endpoint"


@dataclass(frozen=True)
class Deciding:
    """Which payments one endpoint decides, and from which score on it declines; None: from the version's own on."""

    name: str
    rows: Mask
    threshold: float | None

    def declined(self, model: LoadedModel, score: Floats) -> Mask:
        """Of its own payments; of no other."""
        return self.rows & (score >= self.at(model))

    def at(self, model: LoadedModel) -> float:
        return model.version.signature.decline_threshold if self.threshold is None else self.threshold


def served_thresholds(resources: Iterable[Resource], model: str) -> list[ServedThreshold]:
    """Of the endpoints among `resources` that serve `model` here; what another platform serves decides there."""
    return [
        ServedThreshold(parse_urn(one.urn)[1], one.tenant, one.spec.decline_threshold)
        for one in serving(resources, model)
        if isinstance(one.spec, RolloutSpec) and one.tenant is not None and not one.attached
    ]


def deciding(rows: LabelledRows, served: Sequence[ServedThreshold]) -> list[Deciding]:
    """One for each endpoint that has payments among `rows`, and one for those that nobody serves. Endpoints of one
    tenant that decide alike are one, under all their names."""
    tenants = rows.tenants
    alike: dict[tuple[str, float], list[str]] = {}
    for one in served:
        alike.setdefault((one.tenant, one.value), []).append(one.endpoint)
    found = [
        Deciding(", ".join(sorted(names)), tenants == tenant, value) for (tenant, value), names in sorted(alike.items())
    ]
    found.append(Deciding(OWN, ~np.isin(tenants, [one.tenant for one in served]), None))
    return [one for one in found if one.rows.any()]


def ways(parts: Sequence[Deciding]) -> list[list[int]]:
    """Indices of `parts` that together decide every payment once; every part is in one of them."""
    by_tenant: dict[bytes, list[int]] = {}
    for number, part in enumerate(parts):
        by_tenant.setdefault(part.rows.tobytes(), []).append(number)
    options = list(by_tenant.values())
    most = max((len(option) for option in options), default=0)
    return [[option[min(turn, len(option) - 1)] for option in options] for turn in range(most)]


def described(parts: Sequence[Deciding], model: LoadedModel) -> str:
    """For people: which threshold, and whose."""
    of_endpoints = sorted((part.threshold, part.name) for part in parts if part.threshold is not None)
    said = [
        f"{value:g} ({', '.join(name for _, name in group)})"
        for value, group in groupby(of_endpoints, key=lambda one: one[0])
    ]
    if any(part.threshold is None for part in parts):
        own = f"its own {model.version.signature.decline_threshold:.4g}"
        said.append(f"{own} where no endpoint serves" if said else f"{own}, since no endpoint serves it")
    return f"declining from {' and '.join(said)} on"


def figures(parts: Sequence[Deciding], model: LoadedModel, prefix: str = "threshold") -> Mapping[str, Figure]:
    return {prefix if part.threshold is None else f"{prefix} {part.name}": part.at(model) for part in parts}


def by_endpoint(served: Iterable[ServedThreshold]) -> dict[str, float]:
    """As a review keeps them: what it was judged by."""
    return {one.endpoint: one.value for one in served}
