"""Settings that work, but hardly as meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interfaces.settings import Settings
from interfaces.settings.consistency import warnings
from interfaces.settings.decisions import ApprovalSettings


@pytest.mark.parametrize(
    ("expires", "remind", "warned"), [(30, 5, False), (15, 5, True), (20, 5, True), (15, 3, False)]
)
def test_reminders_that_would_come_after_the_expiry_are_said(
    tmp_path: Path, expires: float, remind: float, warned: bool
) -> None:
    approvals = ApprovalSettings(expires_after_minutes=expires, remind_after_minutes=remind)
    said = warnings(Settings(data_dir=tmp_path, approvals=approvals))
    assert any("before admins are called" in line for line in said) == warned


def test_an_approval_has_a_life_of_its_own_where_it_is_given_one(tmp_path: Path) -> None:
    from foundation.clock import FixedClock
    from interfaces.bootstrap.foundations import open_foundations
    from interfaces.bootstrap.governance import make_approvals, make_policy
    from interfaces.principals import add_principal
    from tests.fakes.guarded import ALICE, proposal

    approvals = ApprovalSettings(expires_after_minutes=60, grant_expires_after_minutes=5)
    settings = Settings(data_dir=tmp_path, approvals=approvals)
    add_principal(settings.principals_file, name="alice", roles=["oncall"], tenants=["*"])
    clock = FixedClock(datetime.now(UTC))
    base = replace(open_foundations(settings), clock=clock)
    service = make_approvals(base, make_policy(settings))
    request = service.request(proposal(clock))
    clock.advance(timedelta(minutes=30))
    assert service.decide(request.id, ALICE, "approve", channel="cli").status == "approved", "the request waits longer"
    clock.advance(timedelta(minutes=4))
    assert service.expire_due() == []
    clock.advance(timedelta(minutes=2))
    (closed,) = service.expire_due()
    assert closed.closed_reason == "approved, but not executed in time"
    base.engine.dispose()
