"""`vigia worker`: correlates alerts, investigates, executes what was approved, verifies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.incident.assembly import FlowParts, assemble_worker
from agents.incident.feedback import FeedbackDesk
from agents.incident.ports import Notifier, Observer, unobserved
from agents.incident.reconciler import Reconciler
from agents.incident.triage import CatalogueTriage
from agents.incident.verify import Verifier
from agents.models.standing import StandingRequests
from agents.runbooks.library import RunbookLibrary
from foundation.errors import InvalidInput
from guardrails.approvals.break_glass import BreakGlass
from guardrails.approvals.service import ApprovalService
from guardrails.executor.executor import Executor
from guardrails.policy.policy import PolicySource
from interfaces.bootstrap.approvers import who_may
from interfaces.bootstrap.budgets import BudgetNotes, make_budget, make_ledger
from interfaces.bootstrap.checkpoints import signing_checkpoints
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import live_policy, make_approvals, make_glass_watch, make_reminders
from interfaces.bootstrap.health import nightly_chores
from interfaces.bootstrap.language import make_narrator
from interfaces.bootstrap.platform import platform_view
from interfaces.bootstrap.process import start_telemetry, until_stopped
from interfaces.bootstrap.promotion import retraining_chores
from interfaces.bootstrap.readiness import readiness
from interfaces.bootstrap.redaction import daily_chores, redactor
from interfaces.bootstrap.slack import slack_anchors, slack_glass, slack_notifiers, slack_reminders
from interfaces.bootstrap.worker_http import serving_metrics
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.operations.control_client import ControlClient
from platform_core.operations.resources import ResourceWriter
from platform_core.view import PlatformView
from tools.act import actions
from tools.registry import observe_tools
from tools.runner import ToolRunner


def run_worker(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT. Raises InvalidInput without the control token."""
    base = open_foundations(settings)
    start_telemetry(settings, "vigia-worker")
    worker = make_worker(base, notifiers=slack_notifiers(base))
    own = settings.worker
    with (
        until_stopped() as stop,
        serving_metrics(own.metrics_host, own.metrics_port, lambda: readiness(base)),
        signing_checkpoints(base, stop, anchors=slack_anchors(base)),
    ):
        worker.run(stop, beside=beside_the_work(base))


def beside_the_work(base: Foundations) -> list[Callable[[], object]]:
    """What may wait for a chat that hangs: never on the thread that hands the incidents out."""
    watch = make_glass_watch(base, slack_glass(base))
    return [
        make_reminders(base, slack_reminders(base)).tick,
        watch.tick,
        *([] if base.settings.serving.control_token is None else [standing_requests(base).step]),
        *retraining_chores(base),
        *nightly_chores(base),
        *daily_chores(base),
    ]


def make_worker(
    base: Foundations, *, notifiers: Sequence[Notifier] = (), observer: Observer = unobserved
) -> Reconciler:
    """The write credential goes to the executor's actions and nowhere else: the agent's planners have no writer."""
    settings = base.settings
    platform = platform_view(base)
    policy = live_policy(base, actor="service:worker")
    approvals = make_approvals(base, policy)
    people, redact = open_directory(settings.principals_file, settings.environment), redactor(settings).redact
    executor = make_executor(base, platform, approvals, policy, control_client(settings))
    triage = CatalogueTriage(
        platform,
        ToolRunner(platform, observe_tools(), redact=redact, budget=make_budget(base)),
        actions(platform.resources, None, platform),
        verdicts=FeedbackDesk(base.engine, base.clock, base.audit).per_cause,
    )
    runbooks = RunbookLibrary(settings.data_dir / "runbooks")
    runbooks.seed()
    return assemble_worker(
        FlowParts(
            engine=base.engine,
            clock=base.clock,
            audit=base.audit,
            lineage=lambda: platform.lineage,
            triage=triage,
            narrator=make_narrator(base),
            approvals=approvals,
            executor=executor,
            runbooks=runbooks,
            reports=settings.data_dir / "reports",
            checkpoints_url=checkpoints_url(settings),
            log=base.audit,
            who_may=who_may(policy, people),
            redact=redact,
            notifiers=notifiers,
            observer=observer,
            budget_note=BudgetNotes(base),
            glass=BreakGlass(base.engine, base.clock, base.audit, policy).holding,
        )
    )


def control_client(settings: Settings) -> ControlClient:
    """Raises InvalidInput without the control token."""
    token = settings.serving.control_token
    if token is None:
        raise InvalidInput("the worker needs the control token", hint="set VIGIA__SERVING__CONTROL_TOKEN")
    return ControlClient(settings.serving_url, token.get_secret_value)


def make_executor(
    base: Foundations,
    platform: PlatformView,
    approvals: ApprovalService,
    policy: PolicySource,
    writer: ResourceWriter,
) -> Executor:
    settings = base.settings
    return Executor(
        base.engine,
        base.clock,
        base.audit,
        approvals,
        policy,
        actions(platform.resources, writer, platform),
        people=open_directory(settings.principals_file, settings.environment).get,
        actor="service:worker",
        budget=make_ledger(base),
        redact=redactor(settings).redact,
    )


def standing_requests(base: Foundations, writer: ResourceWriter | None = None) -> StandingRequests:
    """What people approved for models, carried out and looked after."""
    platform = platform_view(base)
    policy = live_policy(base, actor="service:worker")
    approvals = make_approvals(base, policy)
    runner = ToolRunner(platform, observe_tools(), redact=redactor(base.settings).redact)
    return StandingRequests(
        base.engine,
        base.clock,
        base.audit,
        platform.resources,
        approvals,
        make_executor(base, platform, approvals, policy, writer or control_client(base.settings)),
        Verifier(lambda tool, arguments: runner.run(tool, arguments).observation, base.clock),
        actions(platform.resources, None, platform),
        lambda: platform.lineage,
    )


def checkpoints_url(settings: Settings) -> str:
    """Beside the metadata: the same PostgreSQL server, or a SQLite file of its own."""
    if settings.database_url.startswith("postgresql"):
        return settings.database_url
    return f"sqlite:///{settings.data_dir.absolute() / 'checkpoints.db'}"
