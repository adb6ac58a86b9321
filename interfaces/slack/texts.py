"""Text as Slack's blocks: redacted, escaped, and in as many sections as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from interfaces.slack.ids import ActionId
from interfaces.slack.limits import HEADER_TEXT, SECTION_TEXT, cut, escape, pieces

Block = dict[str, Any]
Redact = Callable[[str], str]

_FENCE = "```"


class Show:
    """Builds text blocks; the one place where text from outside becomes text in Slack."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact

    def text(self, value: str) -> str:
        return escape(self._redact(value))

    def header(self, value: str) -> Block:
        return {"type": "header", "text": {"type": "plain_text", "text": cut(self._redact(value), HEADER_TEXT)}}

    def section(self, value: str) -> Block:
        return self.markup(self.text(value))

    def markup(self, value: str) -> Block:
        """A section of text that was made safe before; of a longer one the beginning."""
        return section(cut(value, SECTION_TEXT))

    def context(self, value: str) -> Block:
        return {"type": "context", "elements": [mrkdwn(cut(self.text(value), SECTION_TEXT))]}

    def line(self, value: str, limit: int) -> str:
        """Redacted before it is cut: the half of an identifier would not be recognised."""
        return escape(cut(self._redact(value), limit))


def sections(texts: Iterable[str]) -> list[Block]:
    """All of `texts`, each made safe before, in as few sections as hold them."""
    return [section(text) for text in _packed(texts, SECTION_TEXT)]


def fenced(lines: Iterable[str]) -> Iterator[str]:
    """All of `lines` as code, in texts of which each fits a section."""
    return (f"{_FENCE}{text}{_FENCE}" for text in _packed(lines, SECTION_TEXT - 2 * len(_FENCE)))


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links, channels or mentions out of what merely looks like them.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def button(label: str, action: ActionId, value: str, *, style: str | None = None) -> Block:
    shown: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
    }
    return shown if style is None else {**shown, "style": style}


def _packed(texts: Iterable[str], room: int) -> Iterator[str]:
    """`texts` line by line, in as few texts of at most `room` characters as hold them."""
    held = ""
    for text in texts:
        for piece in pieces(text, room):
            if held and len(held) + 1 + len(piece) > room:
                yield held
                held = piece
            else:
                held = f"{held}\n{piece}" if held else piece
    if held:
        yield held
