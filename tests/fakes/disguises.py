"""Ways to write a text so that it does not look like itself."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\ufe0f"
DIGIT_ZEROS = "\uff10\u0660\u06f0\u0966\u09e6\u0e50\U0001d7ce\U0001d7d8\U0001d7ec"
"""The zero of scripts and styles whose digits follow one another."""

Disguise = Callable[[str], str]


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if 0x21 <= ord(c) <= 0x7E else c for c in text)


def other_digits(zero: str) -> Disguise:
    return lambda text: "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in text)


def between(mark: str) -> Disguise:
    return mark.join


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def json_escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def hexadecimal(text: str) -> str:
    return text.encode().hex()


def spaced_hexadecimal(text: str) -> str:
    return text.encode().hex(" ").upper()


def base_64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def url_base_64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def entities(text: str) -> str:
    return "".join(f"&#{ord(c)};" for c in text)


def coloured(text: str) -> str:
    return f"{text[:2]}\x1b[1;31m{text[2:5]}\x1b[0m{text[5:]}"


def utf_16(text: str) -> str:
    return "\x00".join(text)


def of(*steps: Disguise) -> Disguise:
    """One after the other."""

    def disguise(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return disguise


DISGUISES: dict[str, Disguise] = {
    "full width": full_width,
    **{f"digits of U+{ord(zero):04X}": other_digits(zero) for zero in DIGIT_ZEROS},
    **{f"U+{ord(mark):04X} between": between(mark) for mark in ZERO_WIDTH},
    "percent": percent,
    "percent twice": of(percent, quoted),
    "percent thrice": of(percent, quoted, quoted),
    "full width in percent": of(full_width, quoted),
    "json": json_escaped,
    "json in json": lambda text: json.dumps(json.dumps(full_width(text)))[3:-3],
    "json in percent": of(json_escaped, quoted),
    "percent in json": of(percent, json_escaped),
    "entities": entities,
    "entities twice": lambda text: entities(text).replace("&", "&amp;"),
    "hex": hexadecimal,
    "spaced hex": spaced_hexadecimal,
    "hex in hex": of(hexadecimal, hexadecimal),
    "base64": base_64,
    "url-safe base64": url_base_64,
    "base64 twice": of(base_64, base_64),
    "base64 thrice": of(base_64, base_64, base_64),
    "base64 of hex": of(hexadecimal, base_64),
    "hex of base64": of(base_64, hexadecimal),
    "base64 of full width": of(full_width, base_64),
    "base64 in percent": of(base_64, percent),
    "percent in base64": of(percent, base_64),
    "utf-16": utf_16,
    "coloured": coloured,
    "full width and invisible": of(full_width, between("\u200b")),
    "spaced": between(" "),
    "dotted": between("."),
    "dashed": between("-"),
    "spaced and full width": of(between(" "), full_width),
}
