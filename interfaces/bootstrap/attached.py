"""Other platforms, attached: SageMaker's endpoints, Databricks' jobs."""

from __future__ import annotations

from audit.entry import AuditRecord
from foundation.database import transaction
from foundation.errors import Forbidden, InvalidInput
from foundation.ids import new_id
from interfaces.bootstrap.foundations import Foundations
from interfaces.bootstrap.freezes import require_no_freeze
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.access.principals import Principal
from platform_core.attached.endpoints import AttachedEndpoints
from platform_core.attached.jobs import Jobs
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import insert_change
from platform_core.operations.timeline import ChangeEvent


def attached_endpoints(base: Foundations) -> AttachedEndpoints:
    """Raises InvalidInput where nothing is attached."""
    own = base.settings.attached
    if not own.sagemaker:
        raise InvalidInput("no platform with endpoints is attached", hint="set VIGIA__ATTACHED__SAGEMAKER=true")
    from platform_core.attached.sagemaker.endpoints import SageMakerEndpoints

    url = None if own.sagemaker_url is None else str(own.sagemaker_url)
    platform = SageMakerEndpoints.connect(region=own.sagemaker_region, url=url)
    resources = SqlResources(base.engine, base.clock, base.audit)
    return AttachedEndpoints(platform, resources, environment=base.settings.environment)


def attached_jobs(settings: Settings) -> Jobs:
    """Raises InvalidInput where nothing is attached."""
    own = settings.attached
    if own.databricks_host is None or own.databricks_token is None:
        hint = "set VIGIA__ATTACHED__DATABRICKS_HOST and …__DATABRICKS_TOKEN"
        raise InvalidInput("no platform with jobs is attached", hint=hint)
    from platform_core.attached.databricks import DatabricksJobs

    token = own.databricks_token.get_secret_value
    return DatabricksJobs(str(own.databricks_host), token, version=own.databricks_api, tenant=own.databricks_tenant)


def run_job(base: Foundations, api_key: str, job: str, *, key: str | None) -> str:
    """The run's id. On record before it is started. Raises Forbidden, also while changes are frozen."""
    jobs, who = attached_jobs(base.settings), _person(base, api_key)
    require_no_freeze(base.settings, "run_job", tenant=base.settings.attached.databricks_tenant)
    _record(base, who, "job.started", job)
    return jobs.run_now(job, key=key or new_id("run"))


def cancel_run(base: Foundations, api_key: str, run: str) -> None:
    """Raises Forbidden. A freeze does not keep anybody from stopping something."""
    jobs, who = attached_jobs(base.settings), _person(base, api_key)
    _record(base, who, "job.cancelled", run)
    jobs.cancel(run)


def _person(base: Foundations, api_key: str) -> Principal:
    settings = base.settings
    who = open_directory(settings.principals_file, settings.environment).by_api_key(api_key)
    held = who.roles_in(settings.attached.databricks_tenant, settings.environment)
    if who.kind != "human" or not held & {"oncall", "admin"}:
        raise Forbidden(f"{who.id} may not run or cancel jobs", hint="that takes a person who is oncall or admin")
    return who


def _record(base: Foundations, who: Principal, action: str, what: str) -> None:
    subject, tenant = f"databricks:{what}"[:160], base.settings.attached.databricks_tenant
    event = ChangeEvent(
        id=new_id("chg"),
        at=base.clock.now(),
        kind="job",
        subject=subject,
        tenant=tenant,
        summary=f"{what}: {action.partition('.')[2]}",
        author=who.id,
    )
    with transaction(base.engine) as connection:
        insert_change(connection, event)
        record = AuditRecord(action=action, actor=who.id, subject=subject, tenant=tenant, payload={})
        base.audit.append(record, connection=connection)
