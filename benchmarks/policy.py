"""What does a policy decision cost? Ours beside casbin's, on the same rules and questions, in one run.

Both sides answer the same 96 questions from the same 20 rules (globs over tools and tenants, tiers, environments; a
denial wins); the answers are compared first. casbin runs in an environment and a process of its own and times itself;
blocks alternate. Ours remembers what it said of the same tool, tier, environment, tenant and roles; a first decision,
which it cannot remember, is measured by itself. Ours also says who must approve; casbin's answer is only yes or no.
What an action really pays is printed too: the question built and validated, the decision, and the SHA-256 over the
canonical proposal that an approval is bound to.

    python -m benchmarks.policy [--blocks 30]
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.peer_environment import peer_python
from guardrails.policy.document import PolicyDocument
from guardrails.policy.policy import Policy
from guardrails.policy.types import PolicyQuestion
from guardrails.proposal import proposal_digest

REQUIREMENTS = ["casbin==1.43.0"]
NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
TOOLS = ["restart_connector", "map_column", "rollback_deploy", "quarantine_source", "set_canary", "scale_endpoint"]
TENANTS = ["br", "ar"]
ARGUMENTS = {"source": "payments_br", "since": "2026-11-19T05:36:00Z"}
OUR_REPEATS = 20
"""Ours is that much quicker: a block of it repeats the questions, so that it is not shorter than the clock is sure."""


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [_rule(f"ask-{n}", [tool], "production") for n, tool in enumerate(TOOLS)]
    found += [_rule(f"tenant-{n}", ["*"], "production", tenants=[f"t{n}*"]) for n in range(8)]
    found += [_rule(f"staging-{n}", [glob], "staging") for n, glob in enumerate(["restart_*", "set_*", "*_column"])]
    found += [_deny("no-scale", ["scale_*"], "br"), _deny("no-canary", ["*_canary"], "ar"), _deny("none", ["x*"], "*")]
    return found


def _rule(name: str, tools: list[str], environment: str, *, tenants: list[str] | None = None) -> dict[str, Any]:
    match = {"tools": tools, "tiers": ["reversible"], "environments": [environment], "tenants": tenants or ["*"]}
    asking = {"effect": "require_approval", "approvers_needed": 1, "approver_roles": ["oncall", "approver"]}
    return {"name": name, "description": name, "match": match, **asking}


def _deny(name: str, tools: list[str], tenant: str) -> dict[str, Any]:
    match = {"tools": tools, "tiers": ["reversible"], "environments": ["production"], "tenants": [tenant]}
    return {"name": name, "description": name, "match": match, "effect": "deny"}


def asked() -> list[tuple[str, str, str, str]]:
    tiers, environments = ["reversible", "costly"], ["production", "staging"]
    named = itertools.product([*TOOLS, "x_tool", "drop_table"], tiers, environments, [*TENANTS, "t3x"])
    return list(named)


class Casbin:
    def __init__(self, python: Path) -> None:
        script = Path(__file__).with_name("policy_casbin.py")
        self._process = subprocess.Popen(
            [str(python), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, message: dict[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(message) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=10)


def expanded() -> list[list[str]]:
    """The same rules as casbin's rows: one per tool, tier, environment and tenant."""
    rows: list[list[str]] = []
    for rule in rules():
        match = rule["match"]
        effect = "deny" if rule["effect"] == "deny" else "allow"
        product = itertools.product(match["tools"], match["tiers"], match["environments"], match["tenants"])
        rows += [[*row, effect] for row in product]
    return rows


def seconds(work: Callable[[], object]) -> float:
    """Of this thread's processor time: what others do on the machine meanwhile is not part of it."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def measure(blocks: int) -> dict[str, float]:
    policy = Policy(PolicyDocument.model_validate({"version": 1, "rules": rules()}))
    named = asked()
    questions = [
        PolicyQuestion.model_validate({"tool": a, "tier": b, "environment": c, "tenant": d, "at": NOW})
        for a, b, c, d in named
    ]
    ours = [policy.judge(question).effect != "deny" for question in questions]
    casbin = Casbin(peer_python("casbin", REQUIREMENTS))
    try:
        theirs = casbin.ask({"rules": expanded(), "questions": named})
        if ours != theirs:
            odd = [q for q, mine, other in zip(named, ours, theirs, strict=True) if mine != other]
            raise RuntimeError(f"the two sides do not agree: {odd[:3]}")
        our_times: list[float] = []
        first_times: list[float] = []
        bound_times: list[float] = []
        their_times: list[float] = []
        for _ in range(blocks):
            our_times.append(seconds(lambda: [policy.judge(q) for _ in range(OUR_REPEATS) for q in questions]))
            fresh = Policy(policy.document)  # remembers nothing yet: every question is its first
            first_times.append(seconds(lambda fresh=fresh: [fresh.judge(q) for q in questions]))
            their_times.append(float(casbin.ask({"repeat": 1})))
            bound_times.append(seconds(lambda: [_bound(policy, row) for _ in range(OUR_REPEATS) for row in named]))
    finally:
        casbin.close()
    per_ours = statistics.median(our_times) / (OUR_REPEATS * len(questions)) * 1e6
    per_first = statistics.median(first_times) / len(questions) * 1e6
    per_bound = statistics.median(bound_times) / (OUR_REPEATS * len(questions)) * 1e6
    per_theirs = statistics.median(their_times) / len(questions) * 1e6
    return {
        "rules": len(rules()),
        "questions": len(questions),
        "yes": sum(ours),
        "decision_us": round(per_ours, 2),
        "first_decision_us": round(per_first, 2),
        "casbin_us": round(per_theirs, 2),
        "times_faster": round(per_theirs / per_ours, 1),
        "times_faster_at_first_sight": round(per_theirs / per_first, 1),
        "question_decision_and_digest_us": round(per_bound, 2),
    }


def _bound(policy: Policy, row: tuple[str, str, str, str]) -> str:
    """What a request pays: the question built and validated, the verdict, and the digest of the proposal."""
    tool, tier, environment, tenant = row
    question = PolicyQuestion(tool=tool, tier=tier, environment=environment, tenant=tenant, at=NOW)  # type: ignore[arg-type]
    policy.judge(question)
    return proposal_digest(tool, ARGUMENTS, environment, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=30)
    figures = measure(parser.parse_args().blocks)
    table = Table("figure", "value", title="a policy decision, beside casbin's on the same rules")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)
    print(json.dumps({"benchmark": "policy", "peer": REQUIREMENTS[0], **figures}))


if __name__ == "__main__":
    main()
