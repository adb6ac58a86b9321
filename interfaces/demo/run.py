"""Runs the demo from its start to its end, and leaves no process behind."""

from __future__ import annotations

import difflib
import json
import signal
import subprocess
import sys
import time
from types import FrameType

from rich.text import Text

from foundation.errors import InvalidInput, VigiaError
from interfaces.demo.api import DemoApi
from interfaces.demo.children import Children
from interfaces.demo.deciding import Decider
from interfaces.demo.judging import problems
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.result import AuditResult
from interfaces.demo.story import Story
from interfaces.demo.summary import result_of, summary
from interfaces.demo.workspace import PEOPLE, Workspace, make_workspace
from interfaces.terminal.card import render_card
from interfaces.terminal.output import print_json_line
from interfaces.terminal.proposal import print_approval
from migrations.upgrade import upgrade_database


def run_demo(options: DemoOptions) -> int:
    """0 only if the story ended as it should. Raises VigiaError for what keeps it from being told."""
    expected = expected_cause(options.fault)
    if options.approve_as is not None and options.approve_as not in dict(PEOPLE):
        raise InvalidInput(f"{options.approve_as!r} is not in the demo", hint=f"one of {', '.join(dict(PEOPLE))}")
    workspace = make_workspace(options)
    upgrade_database(f"sqlite:///{workspace.directory / 'vigia.db'}")
    teller = Teller(json=options.json)
    signal.signal(signal.SIGTERM, _as_interrupt)
    api = DemoApi(workspace)
    try:
        with Children(workspace.directory / "logs", workspace.environment) as children:
            story = Story(options, workspace, children, api, teller)
            found, audit = _tell(story, options, workspace, children, api, teller, expected)
            teller.show(summary(workspace, story.told, audit, found))
            if options.json:
                print_json_line(result_of(options, story.told, audit))
            if options.keep:
                _keep(children, workspace, teller)
    finally:
        api.close()
    return 1 if found else 0


def expected_cause(fault: str) -> str | None:
    """The cause a good diagnosis names; None for the healthy control. Raises InvalidInput for an unknown fault."""
    from platform_core.simulation.faults import FAULTS

    if fault not in FAULTS:
        close = difflib.get_close_matches(fault, FAULTS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(FAULTS)}"
        raise InvalidInput(f"there is no fault {fault!r}", hint=hint)
    return FAULTS[fault].cause


def _tell(
    story: Story,
    options: DemoOptions,
    workspace: Workspace,
    children: Children,
    api: DemoApi,
    teller: Teller,
    expected: str | None,
) -> tuple[list[str], AuditResult]:
    story.boot()
    story.warm_up()
    if expected is None:
        story.watch_quiet()
    else:
        story.break_it()
        _incident(story, options, workspace, children, api, teller)
    audit = verify_audit(workspace)
    return problems(options, story.told, expected, audit), audit


def _incident(
    story: Story,
    options: DemoOptions,
    workspace: Workspace,
    children: Children,
    api: DemoApi,
    teller: Teller,
) -> None:
    card = story.wait_for_diagnosis()
    teller.show(render_card(card))
    request = story.told.request
    if request is None:
        story.read_again()
        return
    decider = Decider(
        options, workspace, api, teller, watch=children.check, details=lambda: print_approval(request, teller.console)
    )
    decided = decider.decide(request)
    who = ", ".join(decision.principal_id for decision in decided.decisions) or "nobody"
    teller.say(f"{decided.status} by {who}")
    story.wait_for_end()
    if story.told.card is not None:
        teller.show(render_card(story.told.card))


def verify_audit(workspace: Workspace) -> AuditResult:
    """`vigia audit verify`, as anybody would run it."""
    done = subprocess.run(
        [sys.executable, "-m", "interfaces.cli", "audit", "verify", "--json"],
        env=workspace.environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise VigiaError(f"vigia audit verify said: {done.stderr.decode(errors='replace')[:300]}") from None
    return AuditResult(entries=report["entries"], verified=report["ok"] and done.returncode == 0)


def _keep(children: Children, workspace: Workspace, teller: Teller) -> None:
    teller.show(Text(f"everything keeps running; console: {workspace.copilot_url}/console; Ctrl-C ends it"))
    try:
        while True:
            children.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        teller.say("stopping")


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
