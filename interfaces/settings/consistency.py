"""What settings that fit one by one can still get wrong together."""

from __future__ import annotations

import os
from collections.abc import Iterator

from foundation.secrets.reference import is_reference
from foundation.secrets.setting import ReferredSecret
from interfaces.settings.model import Settings

DATABASES = ("sqlite", "postgresql+psycopg")


def contradictions(settings: Settings) -> list[str]:
    """One line per contradiction, saying which variable to change."""
    return [*_clock(settings), *_partners(settings), *_database(settings), *_paths(settings), *_vault(settings)]


def warnings(settings: Settings) -> list[str]:
    """What works, but hardly as meant."""
    found: list[str] = []
    if not settings.alerts.sources:
        found.append("no alert source: set VIGIA__ALERTS__SOURCES__<NAME>__KIND and …__SECRET to receive webhooks")
    if not settings.principals_file.exists():
        found.append(f"nobody can sign in: {settings.principals_file} does not exist (see `vigia principals add`)")
    if settings.serving.control_token is None:
        found.append("VIGIA__SERVING__CONTROL_TOKEN is not set: approved actions cannot be executed")
    address = settings.secrets.vault_address
    if address is not None and address.scheme == "http" and address.host not in ("127.0.0.1", "localhost", "[::1]"):
        found.append("VIGIA__SECRETS__VAULT_ADDRESS is plain http: secrets and the token travel unencrypted")
    approvals = settings.approvals
    if approvals.expires_after_minutes <= 4 * approvals.remind_after_minutes:
        found.append(
            "a request expires before admins are called (four times VIGIA__APPROVALS__REMIND_AFTER_MINUTES): raise "
            "…__EXPIRES_AFTER_MINUTES or lower the other"
        )
    return found


def _clock(settings: Settings) -> Iterator[str]:
    clock = settings.clock
    if (clock.origin is None) != (clock.started is None):
        yield "VIGIA__CLOCK__ORIGIN and VIGIA__CLOCK__STARTED belong together: set both or neither"
    elif clock.origin is None and clock.speed != 1.0:
        yield "VIGIA__CLOCK__SPEED needs VIGIA__CLOCK__ORIGIN and VIGIA__CLOCK__STARTED"


def _partners(settings: Settings) -> Iterator[str]:
    llm, slack, online = settings.llm, settings.slack, settings.online
    if llm.provider != "none" and not llm.model:
        yield "VIGIA__LLM__PROVIDER is set without VIGIA__LLM__MODEL: name the model"
    if slack.bot_token and not (slack.app_token or slack.signing_secret):
        yield "VIGIA__SLACK__BOT_TOKEN needs VIGIA__SLACK__APP_TOKEN (Socket Mode) or …__SIGNING_SECRET (HTTP)"
    if slack.bot_token and not slack.channel:
        yield "VIGIA__SLACK__BOT_TOKEN is set without VIGIA__SLACK__CHANNEL: say where cards are posted"
    if online.kind == "redis" and not online.url:
        yield "VIGIA__ONLINE__KIND=redis needs VIGIA__ONLINE__URL, e.g. redis://127.0.0.1:6379/0"


def _database(settings: Settings) -> Iterator[str]:
    if is_reference(settings.database_url):
        return
    scheme, _, rest = settings.database_url.partition("://")
    if scheme not in DATABASES or not rest:
        yield f"VIGIA__DATABASE_URL is not the URL of a database: it begins with one of {', '.join(DATABASES)} and ://"


def _vault(settings: Settings) -> Iterator[str]:
    secrets = settings.secrets
    if (secrets.vault_address is None) != (secrets.vault_token is None):
        yield "VIGIA__SECRETS__VAULT_ADDRESS and VIGIA__SECRETS__VAULT_TOKEN belong together: set both or neither"
    token = secrets.vault_token
    if isinstance(token, ReferredSecret) and token.reference.scheme == "vault":
        yield "VIGIA__SECRETS__VAULT_TOKEN cannot be in Vault itself: use env:NAME or file:/path"


def _paths(settings: Settings) -> Iterator[str]:
    for variable, path in (
        ("VIGIA__PRINCIPALS_PATH", settings.principals_path),
        ("VIGIA__POLICY_PATH", settings.policy_path),
        ("VIGIA__CATALOG_PATH", settings.catalog_path),
        ("VIGIA__REDACTION__PRESIDIO_PATH", settings.redaction.presidio_path),
    ):
        if path is not None and not path.exists():
            yield f"{variable} does not exist: {path}"
    nearest = settings.data_dir.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        yield f"VIGIA__DATA_DIR {settings.data_dir} cannot be a directory: {nearest} is a file"
    elif not os.access(nearest, os.W_OK):
        yield f"VIGIA__DATA_DIR {settings.data_dir} cannot be written: choose another or mend its permissions"
