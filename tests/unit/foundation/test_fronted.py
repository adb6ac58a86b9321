"""What stands ahead of an application gets its own requests, and no others."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from foundation.fronted import FrontedApp


def telling(name: str) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        said = f"{name} {scope['app'].title}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said})

    return app


def make(title: str) -> FrontedApp:
    app = FrontedApp(title=title)
    app.ahead("/v1/below/", telling("below"))
    app.ahead("/v1/below/special", telling("special"))

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def rest(path: str) -> str:  # pyright: ignore[reportUnusedFunction]
        return "framework"

    return app


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("POST", "/v1/below/a", "below mine"),
        ("POST", "/v1/below/special", "special mine"),
        ("POST", "/v1/below/special/more", "below mine"),
        ("POST", "/v1/below", '"framework"'),
        ("POST", "/v1/other", '"framework"'),
        ("GET", "/v1/below/a", '"framework"'),
    ],
)
def test_a_request_goes_to_what_is_ahead_or_to_the_framework(method: str, path: str, says: str) -> None:
    app, other = make("mine"), FrontedApp(title="other")

    async def ask(of: FrontedApp) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(of), base_url="http://vigia") as client:
            return await client.request(method, path)

    assert asyncio.run(ask(app)).text == says
    assert asyncio.run(ask(other)).status_code == 404, "it is nobody else's"
