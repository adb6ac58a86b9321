"""An incident's alerts and evidence, as signs and causes look things up in them."""

from __future__ import annotations

from collections.abc import Sequence
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
        """The tenant of the first alert that names one."""
        return next((a.tenant for a in self.alerts if a.tenant), None)
