"""Online values against the offline history, and both against the events, as of the same moment."""

from __future__ import annotations

from pydantic import Field

from platform_core.monitoring.agreement import compare
from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import find_view, source_of_tenant


class Arguments(ToolArguments):
    view: str
    tenant: str
    sample: int = Field(default=40, ge=1, le=500)


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """What the parity monitor does, on demand: see `platform_core.monitoring.agreement`."""
    view = find_view(platform, arguments.view)
    source = source_of_tenant(platform, view, arguments.tenant)
    sample = platform.online.sample(arguments.tenant, view.name, arguments.sample)
    if not sample:
        note = f"sample of {view.name} of {arguments.tenant}"
        return no_data(f"{view.name} of {arguments.tenant} has no online rows", {"sampled": 0}, note=note)
    found = compare(platform, view, source, sample)
    compared, mismatches, wrong = found.compared, found.mismatches, found.wrong
    worst = max(wrong, key=lambda name: wrong[name]) if wrong else None
    rate = found.rate
    figures = {
        "sampled": len(sample),
        "compared": compared,
        "mismatches": mismatches,
        "mismatch_rate": rate,
        "agrees": rate <= 0.02,
        "worst_feature": worst,
    }
    said = f"{mismatches} of {compared} values differ" + (f", most in {worst}: {found.apart}" if worst else "")
    return success(f"{view.name} of {arguments.tenant}, online against offline: {said}", figures)


TOOL = Tool(
    name="parity",
    summary="A sample of online values against the offline history, and that against its events recomputed",
    arguments=Arguments,
    example={"view": "card_velocity", "tenant": "br"},
    figures={
        "sampled": "online rows sampled",
        "compared": "values compared",
        "mismatches": "values that differ beyond rounding (15 % or one, for approximate distinct counts)",
        "mismatch_rate": "the same per value compared, 0..1",
        "agrees": "whether at most 2 % differ",
        "worst_feature": "the feature that differs most often",
    },
    run=observe,
)
