"""Slack's limits on what a message may hold, so that a long story is cut where we choose and says so.

Source: Slack's Block Kit reference. A message with one field too long is refused whole, at the worst moment.
"""

from __future__ import annotations

BLOCKS_PER_MESSAGE = 50
HEADER_TEXT = 150
SECTION_TEXT = 3000
CHART_TITLE = 50
CHARTS_PER_MESSAGE = 2
CHART_SERIES = 6
CHART_POINTS = 20
CHART_LABEL = 20
AXIS_LABEL = 50


def cut(text: str, limit: int) -> str:
    """`text` within `limit` characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def escape(text: str) -> str:
    """Text that Slack shows as it is: no mention, link or formatting command can come out of evidence."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
