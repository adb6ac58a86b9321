"""What a question is about: the names in it that the platform knows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog
from platform_core.urn import UrnKind, parse_urn

_WORD = re.compile(r"urn:vigia:[a-z_]+:[a-z0-9_.-]*[a-z0-9]|[\w.-]*\w", re.UNICODE)
_COUNTRIES = {
    "brazil": "br", "brasil": "br", "brazilian": "br", "argentina": "ar", "argentinian": "ar", "mexico": "mx",
    "méxico": "mx", "mexican": "mx", "colombia": "co", "colombian": "co",
}  # fmt: skip
_KINDS: tuple[UrnKind, ...] = ("feature_view", "endpoint", "source", "job", "connector", "deployment", "model", "store")
"""A bare name means the first kind that has it."""


@dataclass(frozen=True)
class Subjects:
    """URNs by order of mention, and tenants."""

    urns: tuple[str, ...]
    tenants: tuple[str, ...]

    def names(self, kind: UrnKind) -> list[str]:
        return [name for found, name in map(parse_urn, self.urns) if found == kind]


class SubjectFinder:
    def __init__(self, catalog: Catalog, lineage: Lineage) -> None:
        self._tenants = frozenset(source.tenant for source in catalog.sources)
        known = {*lineage.nodes, *(f"urn:vigia:feature_view:{view.name}" for view in catalog.feature_views)}
        known |= {f"urn:vigia:source:{source.name}" for source in catalog.sources}
        self._by_name: dict[str, str] = {}
        for kind in reversed(_KINDS):
            self._by_name |= {u.split(":", 3)[3]: u for u in known if u.startswith(f"urn:vigia:{kind}:")}
        self._known = frozenset(known)

    @property
    def tenants(self) -> frozenset[str]:
        return self._tenants

    @property
    def names(self) -> list[str]:
        """URNs of everything that can be asked about."""
        return sorted(self._known)

    def find(self, question: str) -> Subjects:
        """The URNs and tenants in `question`, each once. An unknown word is no subject."""
        urns: dict[str, None] = {}
        tenants: dict[str, None] = {}
        for word in _WORD.findall(question.lower()):
            urn = word if word in self._known else self._by_name.get(word)
            tenant = word if word in self._tenants else _COUNTRIES.get(word)
            if urn is not None:
                urns[urn] = None
            elif tenant in self._tenants:
                tenants[tenant] = None
        return Subjects(urns=tuple(urns), tenants=tuple(tenants))
