"""The house keeps its shape: these tests read the source, they run nothing of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("agents", "audit", "evals", "foundation", "guardrails", "interfaces", "platform_core", "tools")

# Vendor SDK -> the one place that may import it. A second place is a design decision, not an accident.
VENDOR_PLACES = {
    "langgraph": ("agents",),
    "langchain_core": ("agents",),
    "langchain_openai": ("agents/llm",),
    "litellm": ("agents/llm",),
    "presidio_analyzer": ("guardrails/redaction",),
    "re2": ("guardrails/redaction",),
    "evidently": ("platform_core/monitoring",),
    "slack_bolt": ("interfaces/slack",),
    "slack_sdk": ("interfaces/slack",),
    "lightgbm": ("platform_core/training", "platform_core/serving"),
    "sklearn": ("platform_core/training",),
    "mlflow": ("platform_core/attached/mlflow",),
    "deltalake": ("platform_core/features/offline",),
    "redis": ("platform_core/features/online",),
    "boto3": ("platform_core/features/online", "platform_core/attached/sagemaker"),
    "botocore": ("platform_core/features/online", "platform_core/attached/sagemaker"),
    "opentelemetry": ("foundation/telemetry",),
    "structlog": ("foundation/telemetry",),
}


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def test_no_file_is_long() -> None:
    long = {relative(p): n for p in sources() if (n := len(p.read_text().splitlines())) > 300}
    assert not long, f"split these files: {long}"


def test_vendor_sdks_are_imported_in_their_place_only() -> None:
    strays = [
        f"{relative(path)} imports {name}"
        for path in sources()
        for name in imported(ast.parse(path.read_text()))
        if (places := VENDOR_PLACES.get(name.split(".", maxsplit=1)[0]))
        and not f"{relative(path)}/".startswith(tuple(f"{place}/" for place in places))
    ]
    assert not strays


def callers_of(method: str) -> set[str]:
    """Files that call `.<method>(…, idempotency_key=…)`: what changes production."""
    return {
        relative(path)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and any(keyword.arg == "idempotency_key" for keyword in node.keywords)
    }


def test_only_the_executor_applies_an_action() -> None:
    assert callers_of("apply") == {"guardrails/executor/executor.py"}


PATCHING = {
    "tools/act/base.py": "what `apply` of every action comes down to",
    "platform_core/operations/control_api.py": "the control API's own end: hands on what arrived with the token",
    "platform_core/running/estate.py": "monitors follow the catalog that a person applied",
    "platform_core/serving/rollouts/halting.py": "gives traffic back to the approved champion, and can do nothing else",
}
"""Who may change a resource under a key, and why. `platform_core/simulation` is the rest of the company."""


def test_only_an_action_changes_a_resource() -> None:
    callers = {caller for caller in callers_of("patch") if not caller.startswith("platform_core/simulation/")}
    assert callers == set(PATCHING)


def test_agents_hold_no_credential() -> None:
    words = ("control_token", "ControlClient", "ResourceWriter", "SqlResources")
    found = [
        f"{relative(path)}: {word}"
        for path in sources()
        if relative(path).startswith("agents/")
        for word in words
        if word in path.read_text()
    ]
    assert not found


def broad_excepts() -> Iterator[str]:
    """Files that catch everything and go on; what is raised again is not swallowed."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler) or isinstance(node.body[-1], ast.Raise):
                continue
            if node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            ):
                yield relative(path)


BOUNDARIES = (
    "tools/runner.py",
    "agents/incident/reconciler.py",
    "agents/incident/announcer.py",
    "agents/incident/closing.py",
    "agents/health/report.py",
    "platform_core/serving/endpoints.py",
    "platform_core/serving/scorer.py",
    "platform_core/serving/waiting.py",
    "platform_core/running/chores.py",
    "platform_core/access/endpoints.py",
    "platform_core/operations/usage_collecting.py",
    "interfaces/http/",
    "interfaces/slack/",
    "interfaces/console/",
    "interfaces/cli/",
    "platform_core/serving/prediction_log_writer.py",
    "platform_core/serving/prediction_log_shadows.py",
    "platform_core/simulation/runtime.py",
    "platform_core/monitoring/monitor.py",
    "foundation/telemetry/",
    "foundation/outside_text.py",
    "guardrails/redaction/",
    "platform_core/training/gates/judging.py",
    "agents/llm/",
    "platform_core/running/models.py",
    "audit/sequencer.py",
    "interfaces/bootstrap/checkpoints.py",
)
"""Where everything may be caught, because the loop, the process or the refusal must go on.

The last three are threads that nobody waits for: if one ended at an error that nobody thought of, a training would stay
under way for ever, entries would get no places, or no further head would be signed, while everything else ran on.
"""


def test_everything_is_caught_only_at_the_boundaries() -> None:
    strays = sorted({path for path in broad_excepts() if not path.startswith(BOUNDARIES)})
    assert not strays, strays


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_says_what_it_is_for(room: str) -> None:
    silent = [
        relative(p)
        for p in sorted((ROOT / room).rglob("*.py"))
        if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent
