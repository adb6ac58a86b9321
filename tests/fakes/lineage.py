"""The lineage of the simulated world in small: two tenants that share views, a model and the online store."""

from __future__ import annotations

from platform_core.catalog.lineage import Lineage
from platform_core.urn import urn

VIEWS = ("card_velocity", "device_risk", "merchant_profile")


def small_lineage(tenants: tuple[str, ...] = ("br", "mx")) -> Lineage:
    edges: list[tuple[str, str]] = []
    owners: dict[str, str] = {}
    store, compaction = urn("store", "online"), urn("job", "online-compaction")
    service, model = urn("feature_service", "fraud_v1"), urn("model", "fraud_score")
    edges += [(compaction, store), (service, model)]
    edges += [(urn("feature_view", view), service) for view in VIEWS]
    edges += [(urn("job", f"materialize-{view}"), urn("feature_view", view)) for view in VIEWS]
    for cc in tenants:
        chain = [urn("deployment", f"ingest-{cc}"), urn("connector", f"payments_{cc}"), urn("source", f"payments_{cc}")]
        endpoint = urn("endpoint", f"fraud-{cc}")
        edges += [(chain[0], chain[1]), (chain[1], chain[2]), (model, endpoint), (store, endpoint)]
        edges += [(chain[2], urn("feature_view", view)) for view in VIEWS]
        owners |= dict.fromkeys([*chain, endpoint], cc)
    return Lineage(edges, owners)
