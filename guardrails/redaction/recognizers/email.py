"""E-mail addresses (the common part of RFC 5322), also with white space around the signs or the signs spelled out."""

from __future__ import annotations

import re
import unicodedata

from guardrails.redaction.recognizer import ADDRESS, LIKELY, Form, Recognizer

NO_DOMAIN = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "ico",
        "css",
        "service",
        "socket",
        "timer",
        "mount",
        "slice",
        "scope",
        "swap",
    ]
)
"""Last parts that are no top level domain: `icon@2x.png`, `user@1000.service`."""

_SPELLED = re.compile(r"(?i)\s*[\[({<]?\s*\b(at|arroba|dot|ponto|punto)\b\s*[\])}>]?\s*")
_AT = r"\s?[\[({]\s?(?:at|arroba|@)\s?[\])}]\s?"
_DOT = r"(?:\s?[\[({]\s?(?:dot|ponto|punto|\.)\s?[\])}]\s?|\.)"


def _normal(text: str) -> str:
    signs = {"at": "@", "arroba": "@", "dot": ".", "ponto": ".", "punto": "."}
    plain = _SPELLED.sub(lambda match: signs[match.group(1).lower()], text) if "@" not in text else text
    bare = re.sub(r"[\s\[\](){}<>]", "", plain).lower()
    return bare if bare.isascii() else "".join(str(unicodedata.digit(sign, sign)) for sign in bare)


def _has_a_domain(text: str) -> bool:
    return _normal(text).rpartition(".")[2] not in NO_DOMAIN


RECOGNIZER = Recognizer(
    entity="EMAIL",
    forms=(
        Form(r"[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)*\.[\pL]{2,}", isolated=False),
        Form(r"[\pL\pN._%+'-]+[ ]{1,2}@[ ]{1,2}[\pL\pN-]+(?:[ ]?\.[ ]?[\pL\pN-]+)*[ ]?\.[ ]?[\pL]{2,}", isolated=False),
        Form(
            rf"(?i)[\pL\pN._%+'-]+{_AT}[\pL\pN-]+(?:{_DOT}[\pL\pN-]+)*{_DOT}[\pL]{{2,}}", isolated=False, score=LIKELY
        ),
        Form(
            r"(?i)[\pL\pN._%+'-]+ (?:at|arroba) [\pL\pN-]+(?: (?:dot|ponto|punto) [\pL\pN-]+)+",
            isolated=False,
            score=LIKELY,
        ),
    ),
    example="mail ana@example.com",
    validate=_has_a_domain,
    normalise=_normal,
    family=ADDRESS,
)
