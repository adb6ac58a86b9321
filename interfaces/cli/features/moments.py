"""What people write for a moment, and who they are for the record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def moment_of(text: str, option: str) -> datetime:
    """A date (its beginning in UTC) or a time with its zone. Raises InvalidInput, naming the option."""
    from foundation.errors import InvalidInput

    hint = "write 2026-11-18, or 2026-11-18T06:00:00Z with its zone"
    try:
        if len(text) == len("2026-11-18"):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {text!r} is not a moment", hint=hint) from error
    if found.tzinfo is None:
        raise InvalidInput(f"{option}: {text!r} has no zone", hint=hint)
    return found.astimezone(UTC)


def span_of(text: str, option: str) -> timedelta:
    """A duration. Raises InvalidInput, naming the option."""
    from foundation.errors import InvalidInput
    from platform_core.catalog.durations import parse_duration

    try:
        return parse_duration(text)
    except InvalidInput as error:
        raise InvalidInput(f"{option}: {error.message}", hint=error.hint) from error


def person() -> str:
    """The account that runs the command: nobody else vouches for a command line."""
    import getpass

    try:
        return f"account:{getpass.getuser()}"
    except (KeyError, OSError):
        return "account:unknown"
