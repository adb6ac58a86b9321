"""An answer about a request that does not validate is short, whatever the request holds."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.testclient import TestClient

from foundation.http_errors import MOST_PROBLEMS, install_error_handlers


def test_few_problems_with_short_names_are_told() -> None:
    app = FastAPI()
    install_error_handlers(app)

    @app.post("/sums")
    def sums(content: dict[str, int]) -> int:
        return len(content)

    answer = TestClient(app).post("/sums", json={f"{n}{'x' * 10_000}": "no number" for n in range(40)})
    assert answer.status_code == 422
    assert len(answer.text) < 2000
    assert f"and {40 - MOST_PROBLEMS} more" in answer.text
