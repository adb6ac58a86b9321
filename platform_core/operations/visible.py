"""The control plane as one person may see it: what is another tenant's is not there, in no answer and in no hint."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from foundation.errors import NotFound
from platform_core.access.principals import Principal
from platform_core.operations.resources import Resource, ResourceReader


class VisibleResources(ResourceReader):
    """`reader` for `person`. `hidden` is told of each resource that was asked for and is not theirs to see."""

    def __init__(
        self, reader: ResourceReader, person: Principal, *, hidden: Callable[[Resource], object] = lambda _: None
    ) -> None:
        self._reader = reader
        self._person = person
        self._hidden = hidden

    def get(self, urn: str) -> Resource:
        """Raises NotFound, in the same words for what there is not and for what is not theirs."""
        try:
            found = self._reader.get(urn)
        except NotFound:
            found = None
        if found is not None:
            if self._person.may_act_for(found.tenant):
                return found
            self._hidden(found)
        near = get_close_matches(urn, [each.urn for each in self.list() if each.urn != urn], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "or it belongs to a tenant that is not yours"
        raise NotFound(f"there is no {urn[:80]!r}", hint=hint)

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        there = self._reader.list(kind=kind, tenant=tenant)
        return [each for each in there if self._person.may_act_for(each.tenant)]
