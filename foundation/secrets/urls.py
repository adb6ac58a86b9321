"""URLs that may hold a password, as settings: shown without it, and given by reference where one likes."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

from foundation.errors import InvalidInput
from foundation.secrets.reference import is_reference, parse_reference

_PASSWORD = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s:@]*:)(?P<password>[^\s]*)@")
_QUERY = re.compile(r"(?i)(?P<name>[?&](?:password|passwd|pwd|token|secret|sslpassword)=)[^&#\s]*")


def masked_url(url: str) -> str:
    """`url` with stars for its password; a reference and what is no URL stay as they are."""
    return _QUERY.sub(r"\g<name>***", _PASSWORD.sub(r"\g<before>***@", url))


def _checked(url: str) -> str:
    if is_reference(url):
        try:
            parse_reference(url)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
    return url


UrlWithSecret = Annotated[str, AfterValidator(_checked), PlainSerializer(masked_url, when_used="json")]
"""Declare it with `Field(repr=False)`. Where settings are loaded a reference is replaced by what it refers to, once:
another password of a database takes a new start."""
