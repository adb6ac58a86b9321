"""A request that only looks as if it came from Slack is refused, whatever it carries."""

from __future__ import annotations

import time

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unauthenticated
from interfaces.slack.requests import RequestGuard


@pytest.mark.parametrize("signature", ["", "v0=", "v0=\u00e9", "\u0660" * 64, "v0=" + "0" * 64])
def test_a_wrong_signature_is_refused(engine: Engine, clock: FixedClock, signature: str) -> None:
    guard = RequestGuard(engine, clock, "a-signing-secret")
    with pytest.raises(Unauthenticated):
        guard.check_signature(b"{}", str(int(time.time())), signature)
