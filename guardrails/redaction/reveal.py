"""Who a pseudonym stands for: told to few, for a reason, and never without an entry in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from pydantic import Field, SecretStr

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.errors import Forbidden, InvalidInput, NotFound
from foundation.frozen import Frozen
from foundation.reasons import reason_for
from guardrails.redaction.pseudonyms import is_pseudonym
from platform_core.access.principals import Principal, Role

MAY_REVEAL: frozenset[Role] = frozenset({"approver", "admin"})
SHORTEST_REASON = 10


class Revealed(Frozen):
    """`value` shows itself in no log and no repr."""

    pseudonym: str
    value: SecretStr = Field(repr=False)


class Kept(Protocol):
    """`guardrails.redaction.vault.Vault`."""

    def reveal(self, name: str) -> str: ...


class RevealDesk:
    """Reveals what a pseudonym stands for to people of `roles` whose grant covers all tenants: a pseudonym belongs to
    none. `permits` is the policy's word on top. The entry is written before the value is told: no audit, no reveal."""

    def __init__(
        self,
        vault: Kept,
        audit: AuditLog,
        *,
        redact: Callable[[str], str],
        roles: frozenset[Role] = MAY_REVEAL,
        permits: Callable[[Principal], str | None] = lambda _: None,
    ) -> None:
        self._vault = vault
        self._audit = audit
        self._redact = redact
        self._roles = roles
        self._permits = permits

    def reveal(self, pseudonym: str, principal: Principal, reason: str) -> Revealed:
        """Raises InvalidInput, Forbidden, NotFound, Unavailable; each attempt of somebody known is in the log."""
        name = _name(pseudonym)
        reason = reason_for("a reveal", reason)
        if len(reason) < SHORTEST_REASON:
            raise InvalidInput("a reveal needs a reason", hint=f"at least {SHORTEST_REASON} characters: it is audited")
        reason = self._redact(reason)
        refusal = self._refusal(principal)
        if refusal is not None:
            self._record("reveal_refused", name, principal, {"reason": reason, "because": refusal})
            raise Forbidden(refusal)
        try:
            value = self._vault.reveal(name)
        except NotFound:
            self._record("reveal_refused", name, principal, {"reason": reason, "because": "not in the vault"})
            raise
        self._record("revealed", name, principal, {"reason": reason})
        return Revealed(pseudonym=name, value=SecretStr(value))

    def _refusal(self, principal: Principal) -> str | None:
        if principal.kind != "human":
            return f"{principal.id} is no person: nothing is revealed to agents and services"
        if not principal.roles_anywhere() & self._roles:
            return f"{principal.id} has none of the roles that may reveal: {', '.join(sorted(self._roles))}"
        if not principal.roles_in(None) & self._roles:
            return f"{principal.id} may not act for all tenants, and a pseudonym belongs to none"
        return self._permits(principal)

    def _record(self, what: str, name: str, principal: Principal, payload: dict[str, str]) -> None:
        self._audit.append(AuditRecord(action=f"pseudonym.{what}", actor=principal.id, subject=name, payload=payload))


def _name(text: str) -> str:
    """`<CPF_7f3a>`, also without its brackets or with those of HTML."""
    bare = re.sub(r"^(?:<|&lt;)?\s*|\s*(?:>|&gt;)?$", "", text.strip())
    name = f"<{bare}>"
    if not is_pseudonym(name):
        raise InvalidInput(f"{text[:80]!r} is no pseudonym", hint="for example CPF_7f3a")
    return name
