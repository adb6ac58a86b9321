"""The demo asks again when a process is slow, and says in one line that it is gone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from foundation.errors import Unavailable
from interfaces.demo.api import DemoApi, NotAnswering
from interfaces.demo.children import Children
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.story import Story
from interfaces.demo.workspace import make_workspace


def test_a_copilot_that_is_away_is_no_traceback(tmp_path: Path) -> None:
    workspace = make_workspace(DemoOptions(data_dir=tmp_path / "story"))
    api = DemoApi(workspace)  # nobody listens on its ports
    for ask in (api.incidents, lambda: api.card("inc_1"), lambda: api.inject("unit_change")):
        with pytest.raises(NotAnswering):
            ask()
    api.close()


def test_a_slow_answer_is_waited_for_and_a_failure_is_not(tmp_path: Path) -> None:
    options = DemoOptions(data_dir=tmp_path / "story")
    workspace = make_workspace(options)
    answers = iter([httpx.ReadTimeout("slow"), httpx.Response(503, text="busy"), httpx.Response(200, json=[])])

    def answer(_request: httpx.Request) -> httpx.Response:
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    api = DemoApi(workspace)
    api._http = httpx.Client(transport=httpx.MockTransport(answer))
    story = Story(options, workspace, Children(tmp_path, {}), api, Teller(json=True))
    assert story._patiently(api.incidents) == []

    def failed() -> bool:
        raise Unavailable("the simulation failed")

    with pytest.raises(Unavailable, match="the simulation failed"):
        story._until(failed, 60, "nothing")
    api.close()
