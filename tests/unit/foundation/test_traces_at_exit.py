"""A process that ends sends what it has not sent yet, of every signal, and all of it redacted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fakes.otlp_receiver import attributes, otlp_receiver

ROOT = Path(__file__).parents[3]
PROGRAM = """
from pathlib import Path
from foundation.telemetry.logs import get_logger
from foundation.telemetry.metrics import tool_runs
from foundation.telemetry.traces import span
from interfaces.bootstrap.process import start_telemetry
from interfaces.settings import Settings
telemetry = {{"otlp_endpoint": {endpoint!r}, "resource_attributes": {{"cloud.region": "sa-east-1"}}}}
start_telemetry(Settings(data_dir=Path({directory!r}), environment="staging", telemetry=telemetry), "vigia-test")
with span("last words", note="CPF 529.982.247-25"):
    get_logger("test").info("last line", note="CPF 529.982.247-25")
    tool_runs.labels("freshness", "success").inc()
"""


def test_everything_is_sent_before_the_process_ends(tmp_path: Path) -> None:
    with otlp_receiver() as received:
        program = PROGRAM.format(directory=str(tmp_path), endpoint=received.endpoint)
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
    (words,) = received.spans
    line = next(record for record in received.logs if record.body.string_value == "last line")
    assert words.name == "last words"
    assert (line.trace_id, line.span_id) == (words.trace_id, words.span_id)
    assert received.metrics["vigia_tool_runs"].sum.data_points[0].as_double == 1.0
    assert b"529" not in received.raw
    assert "CPF" in attributes(words.attributes)["note"]
    for told in received.resources:
        assert told["service.name"] == "vigia-test"
        assert told["deployment.environment.name"] == "staging"
        assert told["cloud.region"] == "sa-east-1"
