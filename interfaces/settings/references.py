"""The secrets that settings refer to: whether they are there, and the URLs that are needed whole from the start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pydantic import BaseModel

from foundation.errors import InvalidInput, VigiaError
from foundation.secrets.reference import is_reference, parse_reference
from foundation.secrets.setting import ReferredSecret
from foundation.secrets.sources import SOURCES
from foundation.secrets.vault import VaultReader
from interfaces.settings.model import Settings


def use_vault(settings: Settings) -> None:
    """Give this process the Vault of its settings, or none."""
    own = settings.secrets
    if own.vault_address is None or own.vault_token is None:
        SOURCES.use_vault(None)
        return
    SOURCES.use_vault(
        VaultReader(
            str(own.vault_address),
            own.vault_token.get_secret_value,
            namespace=own.vault_namespace,
            timeout=own.vault_timeout_seconds,
            refresh=own.vault_refresh_seconds,
            stale=own.vault_stale_seconds,
        )
    )


def with_urls(settings: Settings) -> Settings:
    """`settings` with every URL that is a reference replaced by what it refers to. Raises InvalidInput, naming it."""
    changes: dict[str, Any] = {}
    if is_reference(settings.database_url):
        changes["database_url"] = _url("VIGIA__DATABASE_URL", settings.database_url)
    if settings.online.url is not None and is_reference(settings.online.url):
        url = _url("VIGIA__ONLINE__URL", settings.online.url)
        changes["online"] = settings.online.model_copy(update={"url": url})
    if is_reference(settings.redaction.vault_url):
        url = _url("VIGIA__REDACTION__VAULT_URL", settings.redaction.vault_url)
        changes["redaction"] = settings.redaction.model_copy(update={"vault_url": url})
    return settings.model_copy(update=changes) if changes else settings


def unresolved(settings: Settings) -> list[str]:
    """One line per secret that is referred to and cannot be had; a line never holds a secret."""
    use_vault(settings)
    return [f"{variable}: {told}" for variable, reference in _references(settings) if (told := _problem(reference))]


def _problem(reference: ReferredSecret) -> str | None:
    try:
        reference.get_secret_value()
    except VigiaError as error:
        return str(error)
    return None


def _references(model: BaseModel, path: str = "VIGIA") -> Iterator[tuple[str, ReferredSecret]]:
    for name in type(model).model_fields:
        yield from _within(getattr(model, name), f"{path}__{name.upper()}")


def _within(value: Any, path: str) -> Iterator[tuple[str, ReferredSecret]]:
    if isinstance(value, ReferredSecret):
        yield path, value
    elif isinstance(value, BaseModel):
        yield from _references(value, path)
    elif isinstance(value, dict):
        for key, item in cast(dict[str, Any], value).items():
            yield from _within(item, f"{path}__{key.upper()}")
    elif isinstance(value, str) and is_reference(value):
        yield path, ReferredSecret(parse_reference(value))


def _url(variable: str, text: str) -> str:
    try:
        return SOURCES.resolve(parse_reference(text))
    except VigiaError as error:
        raise InvalidInput(f"{variable}: {error.message}", hint=error.hint) from None
