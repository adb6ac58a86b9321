"""Redaction as a service, and the reveal of what a pseudonym stands for."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import Field

from agents.chat.scope import MAY_ASK
from foundation.errors import Forbidden
from foundation.frozen import Frozen
from foundation.reasons import LONGEST_REASON
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices

MAX_TEXT = 200_000


class Text(Frozen):
    text: str = Field(max_length=MAX_TEXT)


class Span(Frozen):
    """start <= i < end in the characters of the text that was sent."""

    entity: str
    start: int
    end: int
    score: float
    validator: str
    disguise: str = Field(description="What the value was hidden in, if it was: escapes, base64, …")


class RedactedText(Frozen):
    text: str
    spans: list[Span]


class Reason(Frozen):
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


class RevealedValue(Frozen):
    pseudonym: str
    value: str


def redaction_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["redaction"])

    @router.post("/redact", responses=answers(401, 403, 413, 422, 503))
    def redact(content: Text, who: Caller) -> RedactedText:
        """The text without personal data and secrets, and where they are. A text that cannot be looked at is withheld
        (503). Not for viewers: whoever can ask may try a guess against the pseudonym on a card."""
        if not who.roles_anywhere() & MAY_ASK:
            raise Forbidden(f"{who.id} may not redact", hint=f"{', '.join(sorted(MAY_ASK))} may")
        found = services.redactor.redaction(content.text)
        spans = [
            Span(
                entity=span.entity,
                start=span.start,
                end=span.end,
                score=span.score,
                validator=span.validator,
                disguise=span.disguise,
            )
            for span in found.spans
        ]
        return RedactedText(text=found.text, spans=spans)

    @router.post("/pseudonyms/{pseudonym}/reveal", responses=answers(401, 403, 404, 422, 503))
    def reveal(pseudonym: str, content: Reason, who: Caller, response: Response) -> RevealedValue:
        """What a pseudonym stands for, to approvers and admins, for a reason; audited before it is told."""
        response.headers["Cache-Control"] = "no-store"
        found = services.reveals().reveal(pseudonym, who, content.reason)
        return RevealedValue(pseudonym=found.pseudonym, value=found.value.get_secret_value())

    return router
