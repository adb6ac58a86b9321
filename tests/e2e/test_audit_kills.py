"""A couple of dozen kills of `tests/soak/audit_kills.py`, which does a thousand when it is run by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 25


def soak(*arguments: str) -> dict[str, Any]:
    # In a process of its own: it forks, and this one has threads.
    command = [sys.executable, "-m", "tests.soak.audit_kills", "--kills", str(KILLS), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def told(outcome: dict[str, Any]) -> None:
    assert outcome["kills"] == KILLS
    assert outcome["acknowledged"] > KILLS // 2, "killed before they had done anything: nothing is shown"
    assert outcome["effects"] > 0
    assert (outcome["lost"], outcome["unaudited"], outcome["repeated_effects"]) == ([], [], [])


def test_sqlite_loses_nothing_that_was_acknowledged() -> None:
    told(soak())


@pytest.mark.server
def test_postgresql_loses_nothing_that_was_acknowledged(postgres_url: str) -> None:
    assert os.environ.get("VIGIA_TEST_POSTGRES_URL")
    told(soak("--url", postgres_url))
