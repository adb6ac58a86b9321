"""Settings that work, but hardly as meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from interfaces.settings import Settings
from interfaces.settings.consistency import warnings
from interfaces.settings.sections import ApprovalSettings


@pytest.mark.parametrize(
    ("expires", "remind", "warned"), [(30, 5, False), (15, 5, True), (20, 5, True), (15, 3, False)]
)
def test_reminders_that_would_come_after_the_expiry_are_said(
    tmp_path: Path, expires: float, remind: float, warned: bool
) -> None:
    approvals = ApprovalSettings(expires_after_minutes=expires, remind_after_minutes=remind)
    said = warnings(Settings(data_dir=tmp_path, approvals=approvals))
    assert any("before admins are called" in line for line in said) == warned
