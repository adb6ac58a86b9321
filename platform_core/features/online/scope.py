"""Tenant and view as one string, for stores that have one flat space of keys."""

from __future__ import annotations


def scope_name(tenant: str, view: str) -> str:
    """With the lengths in front no two scopes are the same string, and none begins another, whatever the names hold."""
    return f"{len(tenant)}.{len(view)}:{tenant}:{view}"
