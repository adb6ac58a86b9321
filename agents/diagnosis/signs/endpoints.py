"""Scores, versions and milliseconds of endpoints; what they cost."""

from __future__ import annotations

from collections.abc import Callable

from agents.diagnosis.sign import Figures, Sign, between, flag, number


def _steady_part(part: str) -> Callable[[Figures], bool | None]:
    """The part did not get slower although the whole did."""

    def test(figures: Figures) -> bool | None:
        whole, mine = figures.get("latency_slower"), figures.get(f"{part}_slower")
        return not mine if whole is True and isinstance(mine, bool) else None

    return test


def _spare(figures: Figures) -> bool | None:
    suggested, replicas = number(figures, "suggested_replicas"), number(figures, "replicas")
    return None if suggested is None or replicas is None else suggested * 2 <= replicas


def _canary_recent(figures: Figures) -> bool | None:
    canary, minutes = figures.get("has_canary"), number(figures, "minutes_since_rollout")
    return (canary and minutes is not None and minutes <= 120) if isinstance(canary, bool) else None


SCORE_SHIFTED = Sign(
    name="score_shifted",
    tool="score_distribution",
    reads=("shifted", "decline_rate", "decline_rate_usual"),
    test=flag("shifted"),
    holds="{endpoint} declines {decline_rate:.1%}, usually {decline_rate_usual:.1%}",
    fails="{endpoint} declines as usual ({decline_rate:.1%})",
    base=0.25,
)
CANARY_RECENT = Sign(
    name="canary_recent",
    tool="rollout_status",
    reads=("has_canary", "canary", "canary_percent", "minutes_since_rollout"),
    # that there is a canary and that it was rolled out are one fact: counted once
    test=_canary_recent,
    holds="{endpoint} got canary {canary} at {canary_percent} % {minutes_since_rollout:.0f} min ago",
    fails="{endpoint} got no canary in the last two hours",
    base=0.1,
)
CANARY_WORSE = Sign(
    name="canary_worse",
    tool="score_distribution",
    reads=("canary_worse", "canary_decline_rate", "champion_decline_rate"),
    # without canary traffic no canary is worse
    test=lambda f: False if f.get("canary_requests") == 0 else flag("canary_worse")(f),
    holds="canary {canary_version} declines {canary_decline_rate:.1%}, the champion {champion_decline_rate:.1%} "
    "in the same minutes",
    fails="no canary of {endpoint} scores worse than its champion",
    base=0.02,
)
CHAMPION_STEADY = Sign(
    name="champion_steady",
    tool="score_distribution",
    reads=("champion_shifted",),
    test=lambda f: not f["champion_shifted"] if isinstance(f.get("champion_shifted"), bool) else None,
    holds="the champion of {endpoint} scores as before: its features are sound",
    fails="the champion of {endpoint} moved too",
    base=0.5,
)
STORE_SLOWER = Sign(
    name="store_slower",
    tool="latency_breakdown",
    reads=("store_slower", "store_p50", "store_p50_before"),
    test=flag("store_slower"),
    holds="{endpoint} waits {store_p50:.1f} ms for the online store, before {store_p50_before:.1f} ms",
    fails="the online store answers {endpoint} as fast as before ({store_p50:.1f} ms)",
    base=0.04,
)
STORE_SLOWER_EVERYWHERE = Sign(
    name="store_slower_everywhere",
    tool="latency_breakdown",
    reads=("store_slower",),
    test=flag("store_slower"),
    holds="{agreeing} of {known} endpoints wait longer for the online store",
    fails="only {agreeing} of {known} endpoints wait longer for the online store",
    base=0.04,
    across="most",
)
MODEL_SLOWER = Sign(
    name="model_slower",
    tool="latency_breakdown",
    reads=("model_slower", "model_p50", "model_p50_before"),
    test=flag("model_slower"),
    holds="{endpoint} scores in {model_p50:.1f} ms, before {model_p50_before:.1f} ms",
    fails="{endpoint} scores as fast as before ({model_p50:.1f} ms)",
    base=0.04,
)
MODEL_STEADY = Sign(
    name="model_steady",
    tool="latency_breakdown",
    reads=("latency_slower", "model_slower"),
    test=_steady_part("model"),
    holds="scoring itself stays at {model_p50:.1f} ms",
    fails="scoring itself takes {model_p50:.1f} ms, before {model_p50_before:.1f} ms",
    conditional=True,
    base=0.5,
)
STORE_JOB_RUNNING = Sign(
    name="store_job_running",
    tool="resource_status",
    reads=("state", "subject", "kind"),
    test=lambda f: None if f.get("kind") != "job" or f.get("state") is None else f["state"] == "running",
    holds="{urn} is running on {subject}",
    fails="no job runs on the online store ({urn} is {state})",
    base=0.06,
)
IDLE = Sign(
    name="idle",
    tool="usage_cost",
    reads=("idle", "cpu_peak", "requests_per_day"),
    test=flag("idle"),
    holds="{endpoint} uses {cpu_utilization:.1%} of its CPU for {requests_per_day:.0f} requests a day",
    fails="{endpoint} uses up to {cpu_peak:.0%} of its CPU",
    base=0.04,
)
TRAFFIC_GONE = Sign(
    name="traffic_gone",
    tool="usage_cost",
    reads=("requests_ratio",),
    test=between("requests_ratio", 0, 0.2),
    holds="requests fell from {requests_per_day_before:.0f} to {requests_per_day:.0f} a day",
    fails="requests did not fall away ({requests_per_day:.0f} a day)",
    base=0.05,
)
SPARE_REPLICAS = Sign(
    name="spare_replicas",
    tool="usage_cost",
    reads=("suggested_replicas", "replicas", "monthly_saving_usd"),
    test=_spare,
    holds="{suggested_replicas} of {replicas} replicas would do; the rest costs {monthly_saving_usd:.0f} USD a month",
    fails="its {replicas} replicas are used",
    base=0.1,
)
