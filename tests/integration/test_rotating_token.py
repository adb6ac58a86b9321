"""The control API's token in a file: another one counts at the next request, on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unauthenticated
from foundation.http_errors import install_error_handlers
from foundation.secrets.reference import SecretRef
from foundation.secrets.setting import ReferredSecret
from foundation.secrets.sources import SecretSources
from platform_core.operations.control_api import control_router
from platform_core.operations.control_client import ControlClient
from platform_core.operations.sql_resources import SqlResources
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.loopback import serve


def test_both_sides_follow_their_file(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    def secret(name: str) -> ReferredSecret:
        path = tmp_path / name
        path.touch(mode=0o600)
        path.write_text("first")
        return ReferredSecret(SecretRef("file", str(path)), sources=SecretSources())

    served, presented = secret("served"), secret("presented")
    app = FastAPI()
    install_error_handlers(app)
    resources = SqlResources(engine, clock, FakeAuditLog(clock))
    app.include_router(control_router(resources, served.get_secret_value))
    with serve(app) as address, ControlClient(address, presented.get_secret_value) as client:
        assert client.list() == []
        (tmp_path / "served").write_text("second!")
        with pytest.raises(Unauthenticated):
            client.list()
        (tmp_path / "presented").write_text("second!")
        assert client.list() == []
