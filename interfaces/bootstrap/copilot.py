"""`vigia serve`: webhooks, API, console."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from functools import cache

from fastapi import FastAPI

from agents.incident.feedback import FeedbackDesk
from agents.incident.inbox import AlertInbox
from guardrails.approvals.break_glass import BreakGlass
from interfaces.bootstrap.checkpoints import verify_stored_log
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import live_policy, make_approvals
from interfaces.bootstrap.lineage import LiveCatalog
from interfaces.bootstrap.listening import require_free
from interfaces.bootstrap.operations import OperationsRecords, change_desk
from interfaces.bootstrap.platform import catalog_in_force, lineage_of, tenants_of
from interfaces.bootstrap.process import run_http, start_telemetry
from interfaces.bootstrap.proposals import describe_actions, make_proposals
from interfaces.bootstrap.readiness import readiness
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.reveal import reveal_desk
from interfaces.bootstrap.slack import mount_slack
from interfaces.bootstrap.stores import make_cards, make_incidents
from interfaces.console.routes import console_routes
from interfaces.console.session import Sessions
from interfaces.http.app import create_copilot_app
from interfaces.http.intake import AlertIntake, ConfiguredSource
from interfaces.http.operations import operations_routes
from interfaces.http.services import CopilotServices, ReadinessCheck, ToolDescription
from interfaces.principals import open_directory
from interfaces.settings import Settings


def run_copilot(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises Unavailable for a port that is taken."""
    require_free(settings.http.host, settings.http.port, setting="VIGIA__HTTP__PORT")
    base = open_foundations(settings)
    start_telemetry(settings, "vigia-copilot")
    run_http(copilot_app(base), host=settings.http.host, port=settings.http.port)


def copilot_app(base: Foundations) -> FastAPI:
    settings = base.settings
    beside: list[Callable[[], ReadinessCheck]] = []
    services = copilot_services(base, beside)
    app = create_copilot_app(services)
    app.include_router(operations_routes(OperationsRecords(base), change_desk(base)))
    secret = settings.console.session_secret
    sessions = Sessions(
        secret.get_secret_value().encode() if secret else secrets.token_bytes(32),
        lifetime=settings.console.session_hours * 3600,
    )
    app.include_router(console_routes(services, sessions, secure_cookies=_over_https(settings)))
    beside.extend(mount_slack(app, base, services))
    return app


def _over_https(settings: Settings) -> bool:
    """Whether people reach the console by HTTPS: then the session's cookie must not travel without it."""
    public = settings.http.public_url
    return settings.console.secure_cookies or (public is not None and public.scheme == "https")


def copilot_services(base: Foundations, beside: Sequence[Callable[[], ReadinessCheck]] = ()) -> CopilotServices:
    """`beside` is asked for readiness too, at every question: what is mounted later may be added."""
    settings = base.settings
    incidents = make_incidents(base)
    policy = live_policy(base, actor="service:copilot")
    approvals = make_approvals(base, policy)
    glass = BreakGlass(base.engine, base.clock, base.audit, policy)
    redacts = redactor(base.settings)
    catalog = LiveCatalog(lambda: catalog_in_force(base))
    reveals = reveal_desk(base, policy)
    return CopilotServices(
        clock=base.clock,
        intake=AlertIntake(
            configured_sources(settings),
            lambda: tenants_of(catalog()),
            AlertInbox(base.engine, base.clock, base.audit, redact=redacts.redact),
            max_alerts=settings.alerts.max_per_payload,
            owner=lineage_of(base, catalog).tenant,
        ),
        incidents=incidents,
        cards=make_cards(base, incidents, approvals, policy),
        approvals=approvals,
        feedback=FeedbackDesk(base.engine, base.clock, base.audit, redact=redacts.redact),
        audit=base.audit,
        verify_audit=lambda: verify_stored_log(base),
        principals=open_directory(settings.principals_file, settings.environment),
        redactor=redacts,
        reveals=lambda: reveals,
        tools=describe_tools,
        actions=describe_actions,
        proposals=cache(lambda: make_proposals(base, incidents, approvals)),
        readiness=lambda: [*readiness(base), *(check() for check in beside)],
        max_body_bytes=settings.http.max_body_bytes,
        policy=policy,
        broken_glass=lambda: glass.all(unreviewed=True),
    )


def configured_sources(settings: Settings) -> list[ConfiguredSource]:
    return [
        ConfiguredSource(
            name=name,
            kind=source.kind,
            secret=source.secret.get_secret_value,
            tenants=source.tenants,
            origin=source.origin,
        )
        for name, source in settings.alerts.sources.items()
    ]


def describe_tools() -> list[ToolDescription]:
    from tools.registry import observe_tools

    return [
        ToolDescription(
            name=tool.name, summary=tool.summary, arguments=tool.arguments.model_json_schema(), example=tool.example
        )
        for tool in observe_tools().values()
    ]
