"""An incident's alerts and evidence, as signs and causes look things up in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.evidence import Evidence
from platform_core.monitoring.alert import Alert
from platform_core.urn import parse_urn
from tools.contract import Figure


@dataclass(frozen=True)
class Case:
    alerts: tuple[Alert, ...]
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, alerts: Sequence[Alert], evidence: Sequence[Evidence]) -> Case:
        return cls(alerts=tuple(alerts), evidence=tuple(evidence))

    def of_tool(self, tool: str) -> list[Evidence]:
        """Evidence of one tool, in the order it was gathered."""
        return [e for e in self.evidence if e.tool == tool]

    def answered(self, tool: str) -> list[Evidence]:
        """The same without errors: `no_data` is an answer."""
        return [e for e in self.of_tool(tool) if e.observation.status != "error"]

    def figure(self, tool: str, name: str) -> Figure:
        """The first known value of a figure."""
        for evidence in self.answered(tool):
            value = evidence.observation.figures.get(name)
            if value is not None:
                return value
        return None

    def text(self, tool: str, name: str) -> str | None:
        value = self.figure(tool, name)
        return value if isinstance(value, str) and value else None

    def number(self, tool: str, name: str) -> float | None:
        value = self.figure(tool, name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def argument(self, name: str, *tools: str) -> str | None:
        """The first argument `name` of an answered probe: a name that the tool found in the catalog."""
        for evidence in self.evidence:
            if (not tools or evidence.tool in tools) and evidence.observation.status != "error":
                value = evidence.arguments.get(name)
                if isinstance(value, str) and value:
                    return value
        return None

    def subject(self, kind: str) -> str | None:
        """The name of the first alert subject of this kind."""
        for alert in self.alerts:
            found, name = parse_urn(alert.subject)
            if found == kind:
                return name
        return None

    @property
    def tenant(self) -> str | None:
        """The tenant of the first alert that names one, else of the source that was probed."""
        return next((a.tenant for a in self.alerts if a.tenant), None) or self.text("connector_status", "tenant")

    @property
    def sources(self) -> list[str]:
        """The sources that probes were asked about, in order."""
        return list(dict.fromkeys(s for e in self.evidence if (s := _source(e)) is not None))

    def about(self, source: str) -> Case:
        """With the evidence that was asked of this very source."""
        return Case(self.alerts, tuple(e for e in self.evidence if _source(e) == source))

    def by_source(self) -> list[Case]:
        """A case per source, so that no fact about one is joined to a fact about another.

        What was asked of a tenant or an endpoint goes with its source; what was asked of neither, with every one. Only
        this case when it is about a single source, or about none.
        """
        if len(self.sources) < 2:
            return [self]
        tenants = {s: self.about(s).text("connector_status", "tenant") for s in self.sources}
        ends = {s: self.about(s).argument("endpoint", "request_agreement") for s in self.sources}
        return [self._of(source, tenants, ends) for source in self.sources]

    def _of(self, source: str, tenants: Mapping[str, str | None], endpoints: Mapping[str, str | None]) -> Case:
        others = [s for s in tenants if s != source]
        foreign_tenants = {tenants[s] for s in others} - {tenants[source], None}
        foreign_ends = {endpoints[s] for s in others} - {endpoints[source], None}
        evidence = tuple(
            e
            for e in self.evidence
            if _source(e) in (source, None)
            and (_source(e) == source or e.arguments.get("tenant") not in foreign_tenants)
            and (_source(e) == source or e.arguments.get("endpoint") not in foreign_ends)
        )
        alerts = tuple(a for a in self.alerts if a.tenant not in foreign_tenants)
        return Case(alerts or self.alerts, evidence)


def _source(evidence: Evidence) -> str | None:
    """The source that a probe was asked about, by argument or as the subject."""
    named = evidence.arguments.get("source")
    if isinstance(named, str):
        return named
    subject = evidence.arguments.get("subject")
    if isinstance(subject, str) and parse_urn(subject)[0] == "source":
        return parse_urn(subject)[1]
    return None
