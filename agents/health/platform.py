"""Checks of the platform, through the same observe tools that investigate incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agents.health.ports import RunsTools
from agents.health.types import CheckStatus, HealthCheck
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Catalog
from platform_core.urn import parse_urn
from tools.contract import Observation

Judgement = tuple[CheckStatus, str]
_NEAR = 0.8
"""Share of an SLA from which on a lag is worth a look."""

_DAY_MINUTES = 1440


def platform_checks(catalog: Catalog, lineage: Lineage, runner: RunsTools) -> Iterator[HealthCheck]:
    """Freshness per view and tenant, jobs, endpoints (decisions, latency), cost."""
    for view in catalog.feature_views:
        for source in catalog.sources:
            if source.name in view.sources:
                arguments = {"view": view.name, "tenant": source.tenant}
                subject = f"{view.name} of {source.tenant}"
                yield check(runner, "freshness", subject, tool="freshness", arguments=arguments, judge=_freshness)
    for job, tenant in _jobs(catalog, lineage):
        arguments = {"job": job, "minutes": _DAY_MINUTES} | ({"tenant": tenant} if tenant else {})
        subject = parse_urn(job)[1] + (f" of {tenant}" if tenant else "")
        yield check(runner, "job", subject, tool="job_history", arguments=arguments, judge=_job)
    for name in _names(lineage, "endpoint"):
        window = {"endpoint": name, "minutes": 60}
        yield check(runner, "decisions", name, tool="score_distribution", arguments=window, judge=_decisions)
        yield check(runner, "latency", name, tool="latency_breakdown", arguments=window, judge=_latency)
        yield check(runner, "cost", name, tool="usage_cost", arguments={"endpoint": name}, judge=_cost)


def check(
    runner: RunsTools,
    name: str,
    subject: str,
    *,
    tool: str,
    arguments: dict[str, Any],
    judge: Callable[[Observation], Judgement],
) -> HealthCheck:
    """Run one tool and judge what it saw; a tool that failed is a failure of the harness, not of its subject."""
    seen = runner.run(tool, arguments).observation
    if seen.status == "error":
        status, summary = "harness_failed", f"could not be checked: {seen.summary}"
    elif seen.status == "no_data":
        status, summary = "not_run", f"nothing to check: {seen.summary}"
    else:
        status, summary = judge(seen)
    return HealthCheck(name=name, subject=subject, status=status, summary=summary, figures=dict(seen.figures))


def _jobs(catalog: Catalog, lineage: Lineage) -> Iterator[tuple[str, str | None]]:
    views = {f"materialize-{view.name}": view for view in catalog.feature_views}
    for name in _names(lineage, "job"):
        view = views.get(name)
        urn = f"urn:vigia:job:{name}"
        if view is None:
            yield urn, None
        else:
            yield from ((urn, source.tenant) for source in catalog.sources if source.name in view.sources)


def _names(lineage: Lineage, kind: str) -> Sequence[str]:
    return sorted(name for found, name in map(parse_urn, lineage.nodes) if found == kind)


def _number(seen: Observation, figure: str) -> float | None:
    value = seen.figures.get(figure)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _freshness(seen: Observation) -> Judgement:
    lag, sla = _number(seen, "lag_seconds"), _number(seen, "sla_seconds")
    if lag is None or sla is None:
        return "harness_failed", "the freshness tool gave no lag"
    if seen.figures.get("quarantined"):
        return "attention", f"quarantined: {seen.summary}"
    if lag > sla:
        return "failed", seen.summary
    return ("attention" if lag > _NEAR * sla else "ok"), seen.summary


def _job(seen: Observation) -> Judgement:
    if seen.figures.get("failing"):
        return "failed", seen.summary
    return ("attention" if seen.figures.get("failures") else "ok"), seen.summary


def _decisions(seen: Observation) -> Judgement:
    if _number(seen, "requests") == 0:
        return "not_run", f"no traffic: {seen.summary}"
    return ("attention" if seen.figures.get("shifted") else "ok"), seen.summary


def _latency(seen: Observation) -> Judgement:
    over = seen.figures.get("over_sla")
    if over is None:
        return "not_run", f"no SLA or no traffic to hold it against: {seen.summary}"
    return ("failed" if over else "ok"), seen.summary


def _cost(seen: Observation) -> Judgement:
    return ("attention" if seen.figures.get("idle") else "ok"), seen.summary
