"""Change freezes, for what people do by command and not by a proposal: they are the policy's, and hold here too."""

from __future__ import annotations

from foundation.errors import Forbidden
from guardrails.policy.types import PolicyQuestion
from interfaces.bootstrap.foundations import make_clock
from interfaces.bootstrap.governance import make_policy
from interfaces.settings import Settings


def require_no_freeze(settings: Settings, what: str, *, tenant: str | None = None) -> None:
    """Raises Forbidden while changes are frozen here, unless the freeze excepts `what`."""
    question = PolicyQuestion(
        tool=what, tier="costly", environment=settings.environment, tenant=tenant, at=make_clock(settings).now()
    )
    for matcher in make_policy(settings).freezes:
        if matcher.matches(question):
            freeze = matcher.freeze
            until = freeze.end.isoformat(timespec="minutes")
            raise Forbidden(
                f"changes are frozen until {until}: {freeze.reason}",
                hint=f"wait, or name {what!r} in the except_tools of the freeze {freeze.name!r}",
            )
