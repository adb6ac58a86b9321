"""Who may train, register, sign and move models from a command: asked of the grants, and kept when it is refused.

A model belongs to no tenant and learns from all of them, so that takes a grant over all tenants, in the environment of
this process: what the policy asks of whoever proposes the same over HTTP (`guardrails.policy`).
"""

from __future__ import annotations

from audit.entry import AuditRecord
from foundation.errors import Forbidden, InvalidInput
from interfaces.bootstrap.foundations import Foundations
from interfaces.principals import PrincipalsFile, open_directory
from platform_core.access.principals import MAY_PROPOSE, Principal, Role
from platform_core.urn import urn

MAY_SIGN: frozenset[Role] = frozenset({"admin"})


def person_of(base: Foundations, api_key: str) -> Principal:
    """Raises Unauthenticated."""
    settings = base.settings
    return open_directory(settings.principals_file, settings.environment).by_api_key(api_key)


def require_may(
    base: Foundations, person: Principal, what: str, model: str, *, roles: frozenset[Role] = MAY_PROPOSE
) -> None:
    """`what`: train, say. Raises Forbidden, once that is in the audit log."""
    environment = base.settings.environment
    held = person.roles_in(None, environment)
    if held & roles:
        return
    record = AuditRecord(
        action="model.refused",
        actor=person.id,
        subject=urn("model", model),
        payload={"what": what, "environment": environment, "roles": sorted(held)},
    )
    base.audit.append(record)
    raise Forbidden(
        f"{person.id} may not {what} {model} in {environment}",
        hint=f"that takes a grant over all tenants as {' or '.join(sorted(roles))}: a model belongs to no tenant",
    )


def trainer(base: Foundations, api_key: str | None, model: str, *, account: str) -> str:
    """Who trains: the principal of the key, or where nobody is known yet the `account` that runs the command.

    Raises InvalidInput without a key, Forbidden.
    """
    if api_key:
        person = person_of(base, api_key)
        require_may(base, person, "train", model)
        return person.id
    if PrincipalsFile(base.settings.principals_file).grants():
        raise InvalidInput("training needs to know who trains", hint="set VIGIA_API_KEY, or use --key-file")
    return account
