"""A revocation is followed whatever the audit log does, and nobody is let in by what was read too long ago."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.errors import Forbidden, Unauthenticated, Unavailable
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.endpoints import EndpointAccess


def put(file: Path, key: str) -> None:
    keys = [{"id": "k", "sha256": hashlib.sha256(key.encode()).hexdigest()}]
    person = {"id": "service:a", "name": "a", "roles": ["caller"], "tenants": ["br"], "api_keys": keys}
    file.write_text(yaml.safe_dump({"principals": [person]}))


def revoked(access: EndpointAccess, key: str) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            access.authorize_endpoint(key, "br", "production")
        except Unauthenticated:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("hangs", [True, False])
def test_an_audit_log_that_hangs_or_raises_anything_delays_no_revocation(tmp_path: Path, hangs: bool) -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Audit:
        def append(self, record: object, connection: object = None) -> None:
            asked.set()
            if hangs:
                go_on.wait(10)
            elif not go_on.is_set():
                raise ValueError("what nobody thought of")

    put(tmp_path / "p.yaml", "key")
    audit: Any = Audit()
    access = EndpointAccess(PrincipalDirectory.load(tmp_path / "p.yaml"), audit, interval=0.02)
    access.start()
    with pytest.raises(Forbidden):
        access.authorize_endpoint("key", "mx", "production")
    assert asked.wait(5)
    put(tmp_path / "p.yaml", "other-key")
    assert revoked(access, "key")
    go_on.set()
    access.stop()


def test_nobody_is_let_in_by_what_was_read_too_long_ago(tmp_path: Path) -> None:
    put(tmp_path / "p.yaml", "key")
    now = [0.0]
    directory = PrincipalDirectory.load(tmp_path / "p.yaml")
    access = EndpointAccess(directory, interval=60.0, monotonic=lambda: now[0])
    access.start()
    now[0] = 599.0
    assert access.authorize_endpoint("key", "br", "production").id == "service:a"
    now[0] = 601.0
    with pytest.raises(Unavailable, match="too long"):
        access.authorize_endpoint("key", "br", "production")
    access.refresh()
    assert access.authorize_endpoint("key", "br", "production").id == "service:a"
    access.stop()
