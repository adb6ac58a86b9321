"""Systems that send alerts. One file per format: how it proves itself, and how its payload becomes alerts."""

from __future__ import annotations

from interfaces.http.alert_sources.alertmanager import Alertmanager
from interfaces.http.alert_sources.cloudevents import CloudEvents
from interfaces.http.alert_sources.contract import AlertSource, Delivery
from interfaces.http.alert_sources.pagerduty import PagerDuty

ALERT_SOURCES: dict[str, AlertSource] = {source.kind: source for source in (Alertmanager(), PagerDuty(), CloudEvents())}

__all__ = ["ALERT_SOURCES", "AlertSource", "Delivery"]
