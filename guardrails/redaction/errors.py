"""What redaction raises. It never fails open: text that could not be looked at does not leave."""

from __future__ import annotations

from foundation.errors import Unavailable


class RedactionBlocked(Unavailable):
    """The text could not be redacted, so it was not passed on."""

    code = "redaction_blocked"
