"""Texts made to be slow: what a redactor that backtracks, rescans or nests without bound would choke on."""

# ruff: noqa: E501

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator

from tests.fakes.identifiers import cpf_of

UNITS = (
    "+", "(", "a.", "1", "1 ", "1-", "1.", "12 345 ", "1234567-", "@", "a@", "a@b.c ", ":", "a:", "f:", "://:", "\\", "\\u0035",
    "\\\\\\", "%", "%25", "%35", "%C3%A9", "&", "&#53;", "&amp;", "&amp;#64;", "=35", "eyJ", "eyJaaaaa.", "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----", "Bearer ", "Bearer a1", "xoxb-", "aws key ", "DE89 ", "11 98765-4321 ", "phone 1",
    "card 4", "4111111111111111 ", "529.982.247-25 ", "52998224725 ", "5 2 9 9 8 2 2 4 7 2 5 ", "é", "\u202e", "\u200b",
    "５", "５２９．", "٥", "postgres://a:b@c ", "1.1.1.1 ", "::1 ", "A1B2", "a@b.co ", "é@x.co ", "ab ", "35", "35 ", "0x35 ",
    "deadbeef", "MTIz", "NTI5Ljk4Mi4yNDctMjU=", "3532392e3938322e3234372d3235 ", "77yV", "cpf cuit nit rut 20-05536168-2 ",
    "\x1b[31m", "\x00", "\n", "a\tb ", "password=", "customer_name=", "123e4567-e89b-42d3-a456-426614174000 ",
)  # fmt: skip


def repeated(size: int) -> Iterator[tuple[str, str]]:
    """(name, text of `size` characters), one for each unit."""
    for unit in UNITS:
        yield ascii(unit), (unit * (size // len(unit) + 1))[:size]


def nested(size: int) -> Iterator[tuple[str, str]]:
    """Encodings inside encodings, up to `size` characters."""
    encoders: dict[str, Callable[[str], str]] = {
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "hex": lambda text: text.encode().hex(),
        "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    }
    for name, encode in encoders.items():
        text = "529.982.247-25 "
        while len(encode(text)) <= size:
            text = encode(text)
        yield f"{name} in {name}", (text * (size // len(text) + 1))[:size]
        inner = (encode("cpf 529.982.247-25 ") + "\n") * (size // len(encode("cpf 529.982.247-25 ")))
        yield f"many {name}", inner[:size]


def mixed(size: int) -> Iterator[tuple[str, str]]:
    """Random text over alphabets that keep many patterns alive, and right identifiers that are all different."""
    pick = random.Random(5)
    for name, alphabet in (
        ("everything", "0123456789abcdefABCDEF.:-/+@ _=,AKIAxoxbeyJaws\n"),
        ("digits and signs", "0123456789 .-/"),
        ("base64", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
        ("hex", "0123456789abcdef"),
        ("escapes", "\\%&#;u0035x2 "),
        ("scripts", "５٥é\u200b1a— 2"),
    ):
        yield f"random {name}", "".join(pick.choice(alphabet) for _ in range(size))
    yield "different CPFs", " ".join(cpf_of(pick.randrange(1, 10**9)) for _ in range(size // 12 + 1))[:size]
    yield "different addresses", " ".join(f"u{n}@x{n}.co" for n in range(size // 8))[:size]


def hostile(size: int) -> Iterator[tuple[str, str]]:
    yield from repeated(size)
    yield from nested(size)
    yield from mixed(size)
