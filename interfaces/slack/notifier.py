"""Posts the incident card and keeps it current: one message per incident, updated in place, evidence in its thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from agents.evidence import Evidence
from agents.health.types import HealthReport
from agents.incident.card import IncidentCard
from foundation.canonical import digest
from foundation.database import reading, transaction
from foundation.errors import Unavailable
from foundation.telemetry.logs import get_logger
from interfaces.slack.blocks import Block, card_blocks, card_text, evidence_blocks
from interfaces.slack.report import report_blocks
from interfaces.slack.tables import slack_cards

if TYPE_CHECKING:
    from slack_sdk import WebClient

_log = get_logger(__name__)


class EvidenceReader(Protocol):
    def evidence(self, incident_id: str) -> Sequence[Evidence]: ...


class SlackNotifier:
    """Called at least once per change: the same content is not posted twice, a changed card updates its message.

    A process that dies between posting and remembering posts the card again at the next change: two cards for one
    incident are better than none. `channels`: by tenant; `channel` for every other and for what belongs to none. `fit`:
    the card as everybody in a channel may read it.
    """

    def __init__(
        self,
        engine: Engine,
        client: WebClient,
        *,
        channel: str,
        redact: Callable[[str], str],
        evidence: EvidenceReader,
        channels: Mapping[str, str] | None = None,
        fit: Callable[[IncidentCard], IncidentCard] = lambda card: card,
    ) -> None:
        self._engine = engine
        self._fit = fit
        self._client = client
        self._channel = channel
        self._channels = dict(channels or {})
        self._redact = redact
        self._evidence = evidence

    def incident_changed(self, card: IncidentCard) -> None:
        """Raises Unavailable when Slack does not take the message; the caller tells again at the next change."""
        card = self._fit(card)
        blocks, text = card_blocks(card, self._redact), card_text(card, self._redact)
        content = digest({"blocks": blocks, "text": text})
        with reading(self._engine) as connection:
            known = connection.execute(
                sa.select(slack_cards).where(slack_cards.c.incident_id == card.incident_id)
            ).one_or_none()
        if known is None:
            channel, ts = self._post(self._channels.get(card.tenant or "", self._channel), blocks, text)
            with transaction(self._engine) as connection:
                connection.execute(
                    sa.insert(slack_cards).values(
                        incident_id=card.incident_id, channel=channel, ts=ts, content=content, evidence_posted=False
                    )
                )
        else:
            channel, ts = known.channel, known.ts
            if known.content != content:
                self._update(channel, ts, blocks, text)
                self._remember(card.incident_id, content=content)
        if card.verdict is not None and not (known is not None and known.evidence_posted):
            self._post_evidence(card.incident_id, channel, ts)

    def report_written(self, report: HealthReport) -> None:
        """Post the report's findings. Raises Unavailable when Slack does not take the message."""
        text = f"Health report {report.end:%Y-%m-%d %H:%M} UTC: {report.verdict}"
        self._post(self._channel, report_blocks(report, self._redact), text)

    def _post_evidence(self, incident_id: str, channel: str, ts: str) -> None:
        lines = [
            f"[{e.id}] {e.tool} ({e.observation.status}): {e.observation.summary}"
            for e in self._evidence.evidence(incident_id)
        ]
        if lines:
            blocks = evidence_blocks(lines, self._redact)
            self._call("chat_postMessage", channel=channel, thread_ts=ts, text="Evidence", blocks=blocks)
        self._remember(incident_id, evidence_posted=True)

    def _post(self, channel: str, blocks: list[Block], text: str) -> tuple[str, str]:
        answer = self._call("chat_postMessage", channel=channel, text=text, blocks=blocks)
        return str(answer["channel"]), str(answer["ts"])

    def _update(self, channel: str, ts: str, blocks: list[Block], text: str) -> None:
        self._call("chat_update", channel=channel, ts=ts, text=text, blocks=blocks)

    def _call(self, method: str, **arguments: object) -> dict[str, object]:
        from slack_sdk.errors import SlackApiError, SlackClientError

        call = getattr(self._client, method)
        try:
            try:
                answer = call(**arguments)
            except SlackApiError as error:
                # A workspace that does not know the chart block yet refuses the whole message: send it without.
                if error.response.get("error") != "invalid_blocks":
                    raise
                _log.warning("slack refused the blocks; sending the card without charts", method=method)
                blocks = [b for b in cast(list[Block], arguments["blocks"]) if b["type"] != "data_visualization"]
                answer = call(**{**arguments, "blocks": blocks})
        except (SlackClientError, OSError) as error:
            hint = "check the bot token, its scopes and the channel"
            raise Unavailable(f"Slack did not take {method}: {error}", hint=hint) from error
        return cast(dict[str, object], answer.data)

    def _remember(self, incident_id: str, **values: object) -> None:
        with transaction(self._engine) as connection:
            connection.execute(sa.update(slack_cards).where(slack_cards.c.incident_id == incident_id).values(**values))
