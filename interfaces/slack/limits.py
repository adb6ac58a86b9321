"""Slack's limits on what a message may hold, so that a long story is cut where we choose and says so.

Source: Slack's Block Kit reference. A message with one field too long is refused whole, at the worst moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

BLOCKS_PER_MESSAGE = 50
HEADER_TEXT = 150
SECTION_TEXT = 3000
BLOCKS_PER_VIEW = 100
VIEW_BYTES = 250_000
CHART_TITLE = 50
CHARTS_PER_MESSAGE = 2
CHART_SERIES = 6
CHART_POINTS = 20
CHART_LABEL = 20
AXIS_LABEL = 50

_LONGEST_ESCAPE = len("&amp;")
_AT_AN_EDGE = re.compile(r"(?<!\w)[*_~]|[*_~](?!\w)")
_LOOKALIKE = {"*": "\u2217", "_": "\u02cd", "~": "\u223c"}


def cut(text: str, limit: int) -> str:
    """`text` within `limit` characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else next(pieces(text, limit - 1)).rstrip() + "…"


def pieces(text: str, limit: int) -> Iterator[str]:
    """All of `text` in pieces of at most `limit` characters, none of which ends inside an escape (`&amp;`)."""
    start = 0
    while len(text) - start > limit:
        end = start + limit
        escape_begins = text.rfind("&", end - _LONGEST_ESCAPE, end)
        if escape_begins > start and ";" not in text[escape_begins:end]:
            end = escape_begins
        yield text[start:end]
        start = end
    yield text[start:]


def escape(text: str) -> str:
    """Text that Slack shows as it is: no mention, link, emphasis or code can come out of evidence, nor end our fence.

    Slack has escapes for `& < >` only. Its other marks work at the edge of a word; there they become signs that look
    like them. Inside names (`card_velocity`) they mean nothing to Slack and stay.
    """
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "\u2032")
    return _AT_AN_EDGE.sub(lambda mark: _LOOKALIKE[mark.group(0)], plain)
