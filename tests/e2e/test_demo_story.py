"""`vigia demo` as anybody would run it, from nothing to a mended platform and back to nothing running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def demo(data: Path, *arguments: str) -> dict[str, Any]:
    """The object on the last line; the exit code must be 0."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGIA")}
    done = subprocess.run(
        [sys.executable, "-m", "interfaces.cli", "demo", "--json", "--data-dir", str(data), *arguments],
        env=kept | {"PYTHONPATH": str(ROOT)},
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1, "standard output holds the object and nothing else"
    return json.loads(done.stdout)


def test_the_default_story_ends_mended_and_audited(tmp_path: Path) -> None:
    told = demo(tmp_path / "data", "--approve-as", "alice")
    assert set(told) == {
        "fault", "alerts", "incidents", "diagnosis", "proposal", "approval", "execution", "verification", "audit",
        "seconds",
    }  # fmt: skip
    assert told["diagnosis"]["cause"] == "unit_change"
    assert told["diagnosis"]["evidence"]
    assert len(told["incidents"]) == 1
    assert told["proposal"]["tool"] == "quarantine_source"
    assert told["approval"]["decisions"][0]["principal_id"] == "human:alice"
    assert told["execution"]["status"] == "succeeded"
    assert told["verification"]["verified"]
    assert told["audit"]["verified"]
    runbook = (tmp_path / "data" / "runbooks" / "unit-change.md").read_text()
    assert "INC-0001" in runbook
    assert list((tmp_path / "data" / "reports").glob("*INC-0001*"))
