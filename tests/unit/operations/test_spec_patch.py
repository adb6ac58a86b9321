from __future__ import annotations

import pytest

from platform_core.operations.resources import (
    ConnectorSpec,
    DeploymentSpec,
    JobSpec,
    MonitorSpec,
    RolloutSpec,
    SourceSpec,
    Spec,
)
from platform_core.operations.spec_patch import change_kind, patch_spec

ROLLOUT = RolloutSpec(model="fraud_score", champion="1", canary="2", canary_percent=20, feature_service="fraud_v1")


@pytest.mark.parametrize(
    ("spec", "fields", "kind"),
    [
        (SourceSpec(), {"quarantine_since"}, "quarantine"),
        (SourceSpec(), {"field_mapping"}, "config"),
        (ROLLOUT, {"canary", "canary_percent"}, "rollout"),
        (ROLLOUT, {"champion", "replicas"}, "rollout"),
        (ROLLOUT, {"replicas"}, "scale"),
        (ROLLOUT, {"decline_threshold"}, "config"),
        (DeploymentSpec(service="ingest-br", source="payments_br", version="4.7.0"), {"version"}, "deploy"),
        (JobSpec(subject="urn:vigia:store:online"), {"desired"}, "job"),
        (ConnectorSpec(source="payments_br"), {"restarts"}, "config"),
        (MonitorSpec(subject="urn:vigia:source:payments_ar", threshold=0.2), {"baseline_since"}, "config"),
    ],
)
def test_change_kind(spec: Spec, fields: set[str], kind: str):
    assert change_kind(spec, frozenset(fields)) == kind


def test_before_and_after_are_json_of_the_fields_named():
    patch = patch_spec(ROLLOUT, {"canary": None, "canary_percent": 0})
    assert patch.before == {"canary": "2", "canary_percent": 20}
    assert patch.after == {"canary": None, "canary_percent": 0}
    assert patch.spec == ROLLOUT.model_copy(update={"canary": None, "canary_percent": 0})
