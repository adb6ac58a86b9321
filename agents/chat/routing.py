"""From a question to the tools that answer it, by rules: no model is needed to look something up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from agents.chat.subjects import Subjects
from agents.chat.types import Intent, PlannedCall
from platform_core.catalog.specs import Catalog
from platform_core.urn import parse_urn

INCIDENT_LABEL = re.compile(r"\bINC-\d+\b", re.IGNORECASE)

_WORDS: dict[Intent, str] = {
    "incident": INCIDENT_LABEL.pattern,
    "approvals": r"\bwaiting\b|\bpending\b|\bapprovals\b|\bto approve\b|\bapproval\b(?! rate)",
    "incidents": r"\bincidents?\b|\bwhat is (?:open|wrong|broken)\b\W*$|\bon fire\b",
    "changes": r"\bchange[sd]?\b|\bdeploy|\brolled out\b|\breleased?\b",
    "decisions": r"\bdeclin|\bscores?\b|\bapproval rate\b|\bdecisions?\b",
    "latency": r"\bslow|\blatency\b|\bp9\d\b|\btimeouts?\b",
    "cost": r"\bcosts?\b|\bexpensive\b|\bbill\b|\bidle\b|\bspen[dt]",
    "why": r"\bwhy\b|\bfail|\bbroken?\b|\bwrong\b|\bdown\b",
    "freshness": r"\bfresh|\bstale\b|\bold\b|\blag|\blate\b|\bup to date\b",
}
_RULES: dict[Intent, re.Pattern[str]] = {intent: re.compile(words, re.IGNORECASE) for intent, words in _WORDS.items()}

HELP = (
    "I can look up: why something is failing, what changed, how fresh a view is, an endpoint's decline rate, latency "
    "or cost, an incident (INC-0001), the open incidents, and what is waiting for approval. Name what it is about, "
    "for instance: 'how fresh is card_velocity in br?'"
)


def intent_of(question: str, subjects: Subjects) -> Intent:
    """The first rule that fits; a question that only names something asks how it is."""
    for intent, pattern in _RULES.items():
        if pattern.search(question):
            return intent
    return "why" if subjects.urns else "help"


class Router:
    """Plans the calls for a question about the platform. `tenants` bounds what a view is looked at for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._views = {view.name: view for view in catalog.feature_views}

    def plan(self, intent: Intent, subjects: Subjects, *, tenants: frozenset[str]) -> list[PlannedCall]:
        """Calls in order of interest, without repeats; empty when the question names nothing that fits."""
        asked = [t for t in subjects.tenants if t in tenants] if subjects.tenants else sorted(tenants)
        planners: dict[Intent, Callable[[str, Sequence[str]], list[PlannedCall]]] = {
            "why": self._why,
            "changes": self._changes,
            "freshness": self._freshness,
            "decisions": lambda urn, _: _endpoint(urn, "score_distribution", "rollout_status"),
            "latency": lambda urn, _: _endpoint(urn, "latency_breakdown"),
            "cost": lambda urn, _: _endpoint(urn, "usage_cost"),
        }
        planner = planners.get(intent)
        if planner is None:
            return []
        urns = subjects.urns or self._default_subjects(intent, asked if subjects.tenants else [])
        calls = [call for urn in urns for call in planner(urn, asked)]
        return list({call.model_dump_json(): call for call in calls}.values())

    def _default_subjects(self, intent: Intent, tenants: Sequence[str]) -> tuple[str, ...]:
        """A question that names a tenant only is about its source, or, for freshness, about every view."""
        if intent == "freshness":
            return tuple(f"urn:vigia:feature_view:{name}" for name in self._views)
        sources = (source for source in self._catalog.sources if source.tenant in tenants)
        return tuple(f"urn:vigia:source:{source.name}" for source in sources)

    def _view_tenants(self, view: str, tenants: Sequence[str]) -> list[str]:
        sources = self._views[view].sources if view in self._views else ()
        owners = {source.tenant for source in self._catalog.sources if source.name in sources}
        return [tenant for tenant in tenants if tenant in owners]

    def _freshness(self, urn: str, tenants: Sequence[str]) -> list[PlannedCall]:
        kind, name = parse_urn(urn)
        if kind == "source":
            return [PlannedCall(tool="source_volume", arguments={"source": name})]
        if kind != "feature_view":
            return []
        return [
            PlannedCall(tool="freshness", arguments={"view": name, "tenant": tenant})
            for tenant in self._view_tenants(name, tenants)
        ]

    def _changes(self, urn: str, tenants: Sequence[str]) -> list[PlannedCall]:
        kind, _ = parse_urn(urn)
        if kind in ("feature_view", "job", "store", "model"):
            return [PlannedCall(tool="change_events", arguments={"subject": urn, "tenant": t}) for t in tenants]
        return [PlannedCall(tool="change_events", arguments={"subject": urn})]

    def _why(self, urn: str, tenants: Sequence[str]) -> list[PlannedCall]:
        kind, name = parse_urn(urn)
        calls: list[PlannedCall] = []
        if kind in ("source", "connector"):
            source = name
            calls = [
                PlannedCall(tool=tool, arguments={"source": source})
                for tool in ("connector_status", "source_volume", "source_quality")
            ]
        elif kind == "feature_view":
            calls = self._freshness(urn, tenants)
            job = f"urn:vigia:job:materialize-{name}"
            calls += [PlannedCall(tool="job_history", arguments={"job": job, "tenant": t}) for t in tenants]
        elif kind == "job":
            calls = [PlannedCall(tool="job_history", arguments={"job": urn, "tenant": t}) for t in tenants]
        elif kind == "endpoint":
            calls = _endpoint(urn, "score_distribution", "latency_breakdown", "rollout_status")
        return calls + self._changes(urn, tenants)


def _endpoint(urn: str, *tools: str) -> list[PlannedCall]:
    kind, name = parse_urn(urn)
    return [PlannedCall(tool=tool, arguments={"endpoint": name}) for tool in tools] if kind == "endpoint" else []
