"""The copilot's HTTP application. The console and Slack are added to it by the composition root."""

from __future__ import annotations

from fastapi import FastAPI

from foundation.body_limit import BodyLimit
from foundation.http_errors import install_error_handlers
from interfaces.http.access import install_access
from interfaces.http.errors import install_last_resort
from interfaces.http.routes.approvals import approval_routes
from interfaces.http.routes.governance import governance_routes
from interfaces.http.routes.incidents import incident_routes
from interfaces.http.routes.kill_switch import kill_switch_routes
from interfaces.http.routes.probes import probe_routes
from interfaces.http.routes.proposals import proposal_routes
from interfaces.http.routes.redaction import redaction_routes
from interfaces.http.routes.webhooks import webhook_routes
from interfaces.http.services import CopilotServices


def create_copilot_app(services: CopilotServices) -> FastAPI:
    """Routes over `services`; OpenAPI at `/openapi.json`."""
    app = FastAPI(title="Vigía", version="0.1.0", docs_url=None, redoc_url=None)
    install_error_handlers(app, services.redactor.redact)
    install_last_resort(app)
    install_access(app, services.principals)
    app.add_middleware(BodyLimit, limit=services.max_body_bytes)
    rooms = (
        webhook_routes,
        incident_routes,
        approval_routes,
        proposal_routes,
        kill_switch_routes,
        governance_routes,
        redaction_routes,
        probe_routes,
    )
    for routes in rooms:
        app.include_router(routes(services))
    return app
