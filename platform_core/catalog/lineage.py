"""Who feeds whom: deployment -> connector -> source -> feature view -> feature service -> model -> endpoint.

Nodes that belong to a tenant are not crossed into another tenant: a fault of `payments_br` reaches the shared view
`card_velocity` and through it the endpoints of `br`, never those of `ar`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping


class Lineage:
    """A directed graph over URNs. `tenants` holds the tenant of each node that belongs to one."""

    def __init__(self, edges: Iterable[tuple[str, str]], tenants: Mapping[str, str]) -> None:
        self._down: dict[str, list[str]] = defaultdict(list)
        self._up: dict[str, list[str]] = defaultdict(list)
        self._tenants = dict(tenants)
        self._nodes: set[str] = set(self._tenants)
        for upstream, downstream in sorted(set(edges)):
            self._down[upstream].append(downstream)
            self._up[downstream].append(upstream)
            self._nodes |= {upstream, downstream}

    @property
    def nodes(self) -> frozenset[str]:
        return frozenset(self._nodes)

    def tenant(self, node: str) -> str | None:
        return self._tenants.get(node)

    def downstream(self, node: str, *, tenant: str | None = None) -> list[str]:
        """Everything that `node` feeds, nearest first, without `node`."""
        return self._walk(node, self._down, tenant)

    def upstream(self, node: str, *, tenant: str | None = None) -> list[str]:
        """Everything that feeds `node`, nearest first, without `node`."""
        return self._walk(node, self._up, tenant)

    def connected(self, first: str, second: str, *, tenant: str | None = None) -> bool:
        """Whether one feeds the other, or both are fed by the same tenant-owned node."""
        if first == second:
            return True
        up_first = {first, *self.upstream(first, tenant=tenant)}
        up_second = {second, *self.upstream(second, tenant=tenant)}
        return bool(up_first & up_second)

    def _walk(self, start: str, edges: Mapping[str, list[str]], tenant: str | None) -> list[str]:
        tenant = tenant or self._tenants.get(start)
        seen, order, queue = {start}, [], deque([start])
        while queue:
            for neighbour in edges.get(queue.popleft(), ()):
                owner = self._tenants.get(neighbour)
                if neighbour in seen or (tenant and owner and owner != tenant):
                    continue
                seen.add(neighbour)
                order.append(neighbour)
                queue.append(neighbour)
        return order
