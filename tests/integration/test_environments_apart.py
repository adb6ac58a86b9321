"""Nobody opens another environment's stores by mistake, and nobody changes by hand what is frozen."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foundation.errors import Conflict, Forbidden
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.freezes import require_no_freeze
from interfaces.settings import Settings
from platform_core.access.principals import Environment


@pytest.fixture
def directory(tmp_path: Path, migrated_database: Path) -> Path:
    (tmp_path / "data").mkdir()
    shutil.copyfile(migrated_database, tmp_path / "data" / "vigia.db")
    return tmp_path / "data"


def opened(directory: Path, environment: Environment, **other: object) -> None:
    settings = Settings.model_validate({"data_dir": directory, "environment": environment, **other})
    open_foundations(settings).engine.dispose()


def test_a_data_directory_is_one_environments(directory: Path) -> None:
    for _ in range(2):
        opened(directory, "production")
    with pytest.raises(Conflict, match=r"data directory .* is that of production, and VIGIA__ENVIRONMENT is staging"):
        opened(directory, "staging")
    opened(directory, "staging", shared_stores=True)
    opened(directory, "production")


def test_a_database_is_one_environments_also_from_elsewhere(directory: Path, tmp_path: Path) -> None:
    opened(directory, "production")
    with pytest.raises(Conflict, match=r"the database .*vigia.db is that of production"):
        opened(tmp_path / "other", "dev", database_url=f"sqlite:///{directory / 'vigia.db'}")
    assert (tmp_path / "other" / ".environment").read_text() == "dev\n"


FREEZE = """
version: 1
rules:
  - name: everything
    description: a person agrees
    match: {{tools: ["*"], tiers: [reversible, costly, irreversible], environments: [dev, staging, production]}}
    effect: require_approval
    approvers_needed: 1
    approver_roles: [admin]
freezes:
  - name: black-friday
    reason: the busiest day
    start: {start}
    end: {end}
    environments: [production]
    except_tools: [run_job]
"""


def test_a_freeze_holds_for_commands_too(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        FREEZE.format(start=(now - timedelta(hours=1)).isoformat(), end=(now + timedelta(hours=1)).isoformat())
    )
    settings = Settings(data_dir=tmp_path, policy_path=policy)
    with pytest.raises(Forbidden, match="the busiest day"):
        require_no_freeze(settings, "apply_catalog")
    require_no_freeze(settings, "run_job")
    require_no_freeze(Settings(data_dir=tmp_path, policy_path=policy, environment="staging"), "apply_catalog")
