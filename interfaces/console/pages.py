"""What the modules with pages are handed."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request, Response

from platform_core.access.principals import Principal

Who = Callable[[Request], Principal]
"""Who is signed in. Raises Unauthenticated."""

Show = Callable[..., Response]
"""A template with its values, as the page of whoever asked."""

CheckCsrf = Callable[[Request, str], None]
"""Raises Forbidden for a form that is not ours."""
