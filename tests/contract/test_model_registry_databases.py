"""The registry on SQLite and on PostgreSQL: numbering and stages hold when several write at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foundation.clock import FixedClock
from foundation.database import metadata, open_database, transaction
from foundation.errors import Conflict
from platform_core.training.moves import move
from platform_core.training.registry import ModelRegistry
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import small_model


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def registry(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[ModelRegistry]:
    url = f"sqlite:///{tmp_path / 'vigia.db'}"
    if request.param == "postgresql":
        if "VIGIA_TEST_POSTGRES_URL" not in os.environ:
            pytest.skip("VIGIA_TEST_POSTGRES_URL is not set: install PostgreSQL and run scripts/test-servers")
        url = os.environ["VIGIA_TEST_POSTGRES_URL"]
    engine = open_database(url)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    yield ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    metadata.drop_all(engine)
    engine.dispose()


def test_registrations_at_once_get_numbers_of_their_own(registry: ModelRegistry):
    def register(seed: int) -> str:
        for _ in range(50):
            try:
                return registry.register(small_model(seed), "fraud_score", "service:training").version
            except Conflict:
                continue
        raise AssertionError("never registered")

    small_model(1), small_model(2)
    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(register, [1, 2] * 3))
    assert sorted(versions) == ["1", "2", "3", "4", "5", "6"]
    for number, version in enumerate(versions):
        assert registry.load("fraud_score", version).version.signature == small_model(1 + number % 2).signature


def test_moves_at_once_one_wins(registry: ModelRegistry, clock: FixedClock):
    registry.register(small_model(1), "fraud_score", "service:training")

    with transaction(registry._engine) as connection:
        move(connection, FakeAuditLog(clock), "fraud_score", "1", "staging", actor="human:ana", at=clock.now())

    def demote(_: int) -> bool:
        try:
            registry.demote("fraud_score", "1", "human:alice")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(demote, range(6))) == 1
    assert registry.get("fraud_score", "1").stage == "dev"
