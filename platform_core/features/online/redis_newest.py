"""The event time of a view's newest row, as Redis keeps it beside the rows.

    vigia:newest:<scope>    `<us>`; or `<us>?<token>` while it is not known: of what was written since then only

Every write of a view sets this key, and happens only if nobody else did since the rows were looked at. While rows give
way to later ones, the newest only rises. A row that takes the place of a later one (`restore`; a row from the future
that gives way) may have ended the newest: it is then not known until somebody asks, who looks at all rows of the view.
Nor is it known of a view that has rows and no such key: it was lost, or the rows were written before there was one.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from platform_core.features.online.scope import scope_name

NEVER = -(1 << 63)


class Newest(NamedTuple):
    us: int
    """Microseconds since 1970 UTC."""

    token: str = ""
    """Not empty: which time it was that the newest came to be unknown."""


def newest_name(tenant: str, view: str) -> str:
    return f"vigia:newest:{scope_name(tenant, view)}"


def read_newest(stored: bytes | None) -> Newest | None:
    """None of a view without rows, or where it was lost."""
    if stored is None:
        return None
    us, _, token = stored.decode().partition("?")
    return Newest(int(us), token)


def write_newest(newest: Newest) -> str:
    return f"{newest.us}?{newest.token}" if newest.token else str(newest.us)


def newest_after(
    known: Newest | None,
    event: npt.NDArray[np.int64],
    replaced: npt.NDArray[np.int64],
    *,
    written_before: bool,
) -> Newest:
    """Once rows with times `event` were written over rows with times `replaced`, NEVER where there was none.
    `written_before`: whether the view had rows already, those or others."""
    top = int(event.max())
    before = replaced > event
    if known is None:
        lost = written_before or bool((replaced != NEVER).any())
    else:
        lost = bool(before.any()) and (known.token != "" or int(replaced[before].max()) >= known.us > top)
    if lost:
        return Newest(top, secrets.token_hex(4))
    return Newest(top) if known is None else known._replace(us=max(known.us, top))
