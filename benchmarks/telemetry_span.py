"""What a span costs: python -m benchmarks.telemetry_span

A span with three attributes, as a request has one: kept, at 1 % sampling, and with nothing configured; beside the same
span by OpenTelemetry's SDK alone (`start_as_current_span`, TraceIdRatioBased). Rounds are interleaved; each figure is
the least of its rounds, in microseconds. Also the cost of exporting: kept spans handed to a queue whose collector is
down.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from time import perf_counter

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from rich import box
from rich.console import Console
from rich.table import Table

from foundation.telemetry.semconv import DECISION, ENDPOINT, MODEL_VERSION
from foundation.telemetry.traces import configure_traces, span

COUNT, ROUNDS = 5_000, 7
ATTRIBUTES = {ENDPOINT: "fraud-br", MODEL_VERSION: "12", DECISION: "approve"}


def ours(sample: float, endpoint: str | None = None) -> Callable[[], None]:
    def run() -> None:
        provider = configure_traces("benchmark", endpoint, sample=sample)
        began = perf_counter()
        for _ in range(COUNT):
            with span("POST /v1/predict/{endpoint}", **ATTRIBUTES):
                pass
        run.seconds = perf_counter() - began  # pyright: ignore[reportFunctionMemberAccess]
        provider.shutdown()

    return run


def sdk(sample: float) -> Callable[[], None]:
    tracer = TracerProvider(sampler=ParentBased(TraceIdRatioBased(sample))).get_tracer("benchmark")

    def run() -> None:
        began = perf_counter()
        for _ in range(COUNT):
            with tracer.start_as_current_span("POST /v1/predict/{endpoint}") as current:
                for name, value in ATTRIBUTES.items():
                    current.set_attribute(name, value)
        run.seconds = perf_counter() - began  # pyright: ignore[reportFunctionMemberAccess]

    return run


def main() -> None:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    cases = {
        "kept": ours(1.0),
        "1 %": ours(0.01),
        "none": ours(0.0),
        "kept, collector down": ours(1.0, "http://127.0.0.1:1"),
        "SDK, kept": sdk(1.0),
        "SDK, 1 %": sdk(0.01),
    }
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, run in cases.items():
            run()
            took = run.seconds / COUNT * 1e6  # pyright: ignore[reportFunctionMemberAccess]
            best[name] = min(best.get(name, took), took)
    table = Table(title="a span with three attributes", box=box.SIMPLE_HEAD)
    for column in ("", "µs", "of the SDK's"):
        table.add_column(column, justify="left" if not column else "right")
    for name, took in best.items():
        beside = best.get(f"SDK, {name}")
        table.add_row(name, f"{took:.2f}", "" if beside is None else f"{took / beside:.2f}x")
    Console().print(table)
    print(json.dumps({"benchmark": "telemetry_span", "microseconds": {k: round(v, 2) for k, v in best.items()}}))


if __name__ == "__main__":
    main()
