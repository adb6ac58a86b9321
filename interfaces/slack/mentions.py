"""Who is called by name in a message: people of the directory only, never whom a text names."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from platform_core.access.principals import Principal, Role

_MOST_NAMES = 10


def mentions(people: Iterable[Principal], roles: Collection[Role], tenant: str | None, *, without: str) -> str:
    """`<@U1> <@U2> `: those with one of the roles who act for the tenant and have a Slack user."""
    ids = [
        person.slack_user_id
        for person in people
        if person.slack_user_id and person.roles_in(tenant) & set(roles) and person.id != without
    ]
    return "".join(f"<@{user}> " for user in ids[:_MOST_NAMES])
