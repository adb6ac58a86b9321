"""Runs the demo from its start to its end, and leaves no process behind."""

from __future__ import annotations

import difflib
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from types import FrameType

from rich.text import Text

from agents.incident.reconsidering import superseded
from foundation.errors import InvalidInput, VigiaError
from guardrails.approvals.types import ApprovalRequest
from interfaces.demo.api import DemoApi
from interfaces.demo.children import Children, environment_of, heeded
from interfaces.demo.deciding import Decider
from interfaces.demo.judging import problems
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.result import AuditResult
from interfaces.demo.story import Story
from interfaces.demo.summary import result_of, summary
from interfaces.demo.workspace import PEOPLE, Workspace, make_workspace
from interfaces.terminal.card import render_card, render_outcome
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
    for number in (signal.SIGTERM, signal.SIGHUP):
        if heeded(number):
            signal.signal(number, _as_interrupt)
    api = DemoApi(workspace)
    teller = Teller(json=options.json)
    try:
        with Children(workspace.directory / "logs", workspace.environment) as children:
            return _Demo(options, workspace, children, api, teller).run(expected)
    except KeyboardInterrupt:
        teller.say(f"interrupted; what was started has been stopped. Logs and data: {workspace.directory}")
        raise
    finally:
        api.close()


@dataclass(frozen=True)
class _Demo:
    options: DemoOptions
    workspace: Workspace
    children: Children
    api: DemoApi
    teller: Teller

    def run(self, expected: str | None) -> int:
        story = Story(self.options, self.workspace, self.children, self.api, self.teller)
        story.boot()
        story.warm_up()
        if expected is None:
            story.watch_quiet()
        else:
            story.break_it()
            self._incident(story)
        audit = verify_audit(self.workspace)
        found = problems(self.options, story.told, expected, audit)
        self.teller.show(summary(self.workspace, story.told, audit, found))
        if self.options.keep:
            self._keep()
        if self.options.json:
            print_json_line(result_of(self.options, story.told, audit))
        return 1 if found else 0

    def _incident(self, story: Story) -> None:
        card = story.wait_for_diagnosis()
        self.teller.show(render_card(card))
        decided = self._decide(story)
        while decided is not None and superseded(decided):
            self.teller.say(decided.closed_reason or decided.status)
            self.teller.show(render_card(story.wait_for_second_thoughts()))
            decided = self._decide(story)
        if decided is None:
            story.read()
            return
        who = ", ".join(decision.principal_id for decision in decided.decisions)
        self.teller.say(f"{decided.status} by {who}" if who else f"{decided.status}: nobody decided in time")
        story.wait_for_end(decided)
        if story.told.card is not None:
            self.teller.show(render_outcome(story.told.card))

    def _decide(self, story: Story) -> ApprovalRequest | None:
        """What became of the request; None when nothing was asked."""
        request = story.told.request
        if request is None:
            return None
        decider = Decider(
            self.options,
            self.workspace,
            self.api,
            self.teller,
            watch=self.children.check,
            details=lambda: print_approval(request, self.teller.console),
        )
        return decider.decide(request)

    def _keep(self) -> None:
        where = f"{self.workspace.copilot_url}/console"
        self.teller.show(Text(f"everything keeps running; console: {where}; Ctrl-C ends it"))
        try:
            while True:
                self.children.check()
                time.sleep(0.5)
        except KeyboardInterrupt:
            self.teller.say("stopping")


def expected_cause(fault: str) -> str | None:
    """The cause a good diagnosis names; None for the healthy control. Raises InvalidInput for an unknown fault."""
    from platform_core.simulation.faults import FAULTS

    if fault not in FAULTS:
        close = difflib.get_close_matches(fault, FAULTS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(FAULTS)}"
        raise InvalidInput(f"there is no fault {fault!r}", hint=hint)
    return FAULTS[fault].cause


def verify_audit(workspace: Workspace) -> AuditResult:
    """`vigia audit verify`, as anybody would run it."""
    done = subprocess.run(
        [sys.executable, "-m", "interfaces.cli", "audit", "verify", "--json"],
        env=environment_of("audit", workspace.environment),
        capture_output=True,
        check=False,
        timeout=60,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise VigiaError(f"vigia audit verify said: {done.stderr.decode(errors='replace')[:300]}") from None
    return AuditResult(entries=report["entries"], verified=report["ok"] and done.returncode == 0)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
