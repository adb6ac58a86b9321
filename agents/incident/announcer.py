"""Tells people what changed, after the commit: at least once per change, and never in the way of the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy.engine import Engine

from agents.incident.card_building import CardBuilder
from agents.incident.pauses import pause_after
from agents.incident.ports import Notifier
from agents.incident.repositories import incidents as incident_rows
from foundation.database import reading, transaction
from foundation.telemetry.logs import get_logger

log = get_logger(__name__)


class Announcer:
    """Sends the card of every incident whose version is ahead of what was announced. Several changes in a row become
    one message; a failed send is logged and made again, with growing pauses."""

    def __init__(
        self,
        engine: Engine,
        cards: CardBuilder,
        notifiers: Sequence[Notifier],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._cards = cards
        self._notifiers = tuple(notifiers)
        self._wall = wall
        self._failures: dict[str, tuple[int, float]] = {}

    def step(self, limit: int = 20) -> int:
        """Send what is due; how many incidents were announced to everybody."""
        with reading(self._engine) as connection:
            waiting = incident_rows.unannounced(connection, limit)
        sent = 0
        for incident_id, version in waiting:
            failures, not_before = self._failures.get(incident_id, (0, 0.0))
            if self._wall() < not_before:
                continue
            if self._announce(incident_id):
                self._failures.pop(incident_id, None)
                with transaction(self._engine) as connection:
                    incident_rows.mark_announced(connection, incident_id, version)
                sent += 1
            else:
                self._failures[incident_id] = (failures + 1, self._wall() + pause_after(failures))
        return sent

    def _announce(self, incident_id: str) -> bool:
        try:
            card = self._cards.build(incident_id)
            for notifier in self._notifiers:
                notifier.incident_changed(card)
        except Exception as error:  # noqa: BLE001 - worker boundary: a chat that is down must not stop an incident
            log.warning("announcement failed", incident_id=incident_id, error=str(error), kind=type(error).__name__)
            return False
        return True
