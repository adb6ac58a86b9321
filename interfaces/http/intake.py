"""From a webhook request to stored alerts: who sent it, may they say this, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from foundation.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from interfaces.http.alert_sources import ALERT_SOURCES, Delivery
from interfaces.http.alert_sources.contract import Parsed
from platform_core.monitoring.alert import Alert


@dataclass(frozen=True)
class ConfiguredSource:
    """A system that may send alerts, as the operator configured it. `tenants` with `*` may speak for all."""

    name: str
    kind: str
    secret: str | Callable[[], str]
    tenants: frozenset[str] = frozenset({"*"})
    origin: str | None = None

    def key(self) -> bytes:
        """The secret as it is now."""
        return (self.secret() if callable(self.secret) else self.secret).encode()


class Receipt(Protocol):
    """`agents.incident.inbox.InboxReceipt`."""

    @property
    def accepted(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def resolved(self) -> int: ...


class Inbox(Protocol):
    def receive(self, alerts: list[Alert]) -> Receipt: ...


def _owned_by_nobody(subject: str) -> str | None:
    del subject
    return None


class AlertIntake:
    """`tenants`: those of the catalog, asked each time: it may change while the process runs. `owner`
    says whose a subject is, None for what tenants share."""

    def __init__(
        self,
        sources: list[ConfiguredSource],
        tenants: Callable[[], frozenset[str]],
        inbox: Inbox,
        *,
        max_alerts: int,
        owner: Callable[[str], str | None] = _owned_by_nobody,
    ) -> None:
        self._sources = sources
        self._tenants = tenants
        self._inbox = inbox
        self._max_alerts = max_alerts
        self._owner = owner

    def receive(self, kind: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Stores every alert of the payload in one transaction, or none.

        Raises Unauthenticated, Forbidden, NotFound for an unknown format, InvalidInput saying what cannot be used.
        """
        if kind not in ALERT_SOURCES:
            raise NotFound(f"{kind!r} is not a format of alerts", hint=f"one of {', '.join(sorted(ALERT_SOURCES))}")
        delivery = Delivery(headers={key.lower(): value for key, value in headers.items()}, body=body)
        source = self._who(kind, delivery)
        parsed = ALERT_SOURCES[kind].parse(delivery, source.name)
        self._check_origin(source, parsed)
        if len(parsed.alerts) > self._max_alerts:
            raise InvalidInput(f"{len(parsed.alerts)} alerts in one payload, at most {self._max_alerts} are taken")
        for index, alert in enumerate(parsed.alerts):
            self._check_tenant(source, alert, index)
        return self._inbox.receive(list(parsed.alerts))

    def _who(self, kind: str, delivery: Delivery) -> ConfiguredSource:
        configured = [source for source in self._sources if source.kind == kind]
        if not configured:
            raise Unauthenticated(
                f"no source of kind {kind!r} is configured",
                hint="set VIGIA__ALERTS__SOURCES__<NAME>__KIND and …__SECRET",
            )
        # Every secret is tried, so that the time taken does not tell which one was close.
        matching = [
            s
            for s in configured
            if ALERT_SOURCES[kind].authentic(delivery, (s.secret() if callable(s.secret) else s.secret).encode())
        ]
        if not matching:
            raise Unauthenticated(
                "the credential is missing or wrong: nothing was stored",
                hint="a PagerDuty signature is over the exact bytes of the body; the others send a bearer token",
            )
        return matching[0]

    def _check_origin(self, source: ConfiguredSource, parsed: Parsed) -> None:
        if source.origin is not None and not (parsed.origin or "").startswith(source.origin):
            raise Forbidden(
                f"the payload says it comes from {parsed.origin!r}; this credential belongs to {source.name!r}, "
                f"which is {source.origin!r}"
            )

    def _check_tenant(self, source: ConfiguredSource, alert: Alert, index: int) -> None:
        where, owner = f"alerts[{index}]", self._owner(alert.subject)
        if alert.tenant is not None and alert.tenant not in (known := self._tenants()):
            raise InvalidInput(
                f"{where}: tenant {alert.tenant!r} is unknown", hint=f"one of {', '.join(sorted(known))}"
            )
        # The platform knows whose the subject is; a label could say anything.
        if "*" not in source.tenants and (owner or alert.tenant) not in source.tenants:
            raise Forbidden(f"{where}: source {source.name!r} may not speak for tenant {owner or alert.tenant!r}")
        if owner is not None and alert.tenant not in (None, owner):
            raise InvalidInput(
                f"{where}: label tenant={alert.tenant!r}, but {alert.subject} is of tenant {owner!r}",
                hint="correct the label, or leave it out",
            )
