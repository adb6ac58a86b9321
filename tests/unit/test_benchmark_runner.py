"""`python -m benchmarks` finds every runner, runs it in a process of its own and keeps what it printed."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import Ran, json_line, report, run, runners

ROOT = Path(__file__).parents[2]


def test_every_runner_is_listed_and_no_part_of_one() -> None:
    found = runners()
    assert {"approvals", "audit_append", "policy", "point_in_time", "online_store", "redaction"} <= set(found)
    assert not {"policy_casbin", "point_in_time_ours", "online_setup", "peer_environment"} & set(found)


def test_a_wrong_name_is_a_clear_error() -> None:
    command = [sys.executable, "-m", "benchmarks", "polcy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean policy?" in done.stderr


def test_figures_are_kept_and_what_failed_is_said(tmp_path: Path) -> None:
    package = tmp_path / "benchmarks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "good.py").write_text(
        "print('a table'); print('{\"ratio\": {\"p50\": 1.25}, \"rows\": 3}'); print('done')"
    )
    (package / "mute.py").write_text("print('{broken')")
    (package / "bad.py").write_text("raise SystemExit(3)")
    (package / "slow.py").write_text("import time; time.sleep(30)")
    good, mute, bad = (run(name, cwd=tmp_path) for name in ("good", "mute", "bad"))
    slow = run("slow", cwd=tmp_path, timeout=0.3)
    assert (good.figures, good.problem) == ({"ratio": {"p50": 1.25}, "rows": 3}, None)
    assert (mute.problem, bad.problem) == ("printed no JSON line", "exit code 3")
    assert "no end within" in (slow.problem or "")
    console = Console(file=io.StringIO(), record=True, width=100)
    report([good, bad, Ran("other", 1.0, {"benchmark": "other", "x": "y"})], console)
    text = " ".join(console.export_text().split())
    assert "ratio.p50 │ 1.25" in text
    assert "exit code 3" in text


def test_the_last_json_object_counts() -> None:
    assert json_line('{"a": 1}\n[1]\n{"b": 2}\nbye') == {"b": 2}
    assert json_line("nothing") is None
