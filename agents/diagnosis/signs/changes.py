"""What somebody did shortly before it began."""

from __future__ import annotations

from agents.diagnosis.sign import Sign, between

DEPLOY_BEFORE = Sign(
    name="deploy_before",
    tool="change_events",
    reads=("deploy_minutes_before", "deploy_version"),
    test=between("deploy_minutes_before", 0, 20, absent=False),
    holds="{deploy_subject} {deploy_version} was deployed {deploy_minutes_before:.0f} min before it began",
    fails="no deploy upstream in the 20 min before it began",
    base=0.12,
)
CAMPAIGN = Sign(
    name="campaign",
    tool="change_events",
    reads=("campaign_minutes_before",),
    test=between("campaign_minutes_before", 0, 24 * 60, absent=False),
    holds="a campaign was announced {campaign_minutes_before:.0f} min before: {campaign_summary}",
    fails="no campaign was announced",
    base=0.05,
)
ROLLOUT_RECENT = Sign(
    name="rollout_recent",
    tool="rollout_status",
    reads=("minutes_since_rollout",),
    test=between("minutes_since_rollout", 0, 120, absent=False),
    holds="{endpoint} was rolled out {minutes_since_rollout:.0f} min ago",
    fails="no rollout on {endpoint} in the last two hours",
    base=0.1,
)
