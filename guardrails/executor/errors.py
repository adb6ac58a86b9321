"""What the executor says when it does not act."""

from __future__ import annotations

from foundation.errors import Conflict


class TargetMoved(Conflict):
    """The target is not what it was when the action was approved. The approval is void: propose and ask again."""

    code = "target_moved"
