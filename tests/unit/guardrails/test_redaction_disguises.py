"""Whatever an identifier is disguised as, it is found, all of it and nothing else, and has the name it always has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.ar import cuit
from stdnum.br import cpf

from guardrails.redaction.engine import Redactor
from tests.fakes.disguises import DISGUISES, base_64, hexadecimal
from tests.fakes.identifiers import cpf_of

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")
_SIGNS_BETWEEN = ("spaced", "dotted", "dashed", "spaced and full width")


def cpfs() -> st.SearchStrategy[str]:
    return st.integers(1, 999_999_998).map(cpf_of)


def cards() -> st.SearchStrategy[str]:
    bodies = st.tuples(st.sampled_from(["4", "51", "60"]), st.integers(0, 10**14 - 1)).map(
        lambda p: f"{p[0]}{p[1]:014d}"[:15]
    )
    return bodies.map(lambda body: body + luhn.calc_check_digit(body))


IDENTIFIERS = st.one_of(
    cpfs(),
    cpfs().map(cpf.format),
    cards(),
    st.integers(0, 10**8 - 1).map(lambda n: f"20{n:08d}").map(lambda n: cuit.format(n + cuit.calc_check_digit(n))),
    st.from_regex(r"[a-z][a-z0-9]{2,12}@[a-z]{3,12}\.(com|br|mx)", fullmatch=True),
)
BEFORE = st.sampled_from(["", "see ", "id=", "é ", '"', "(", "\n", "São Paulo: ", "log\t", "… "])
AFTER = st.sampled_from(["", " yes", ", ok", '"', ")", "\n", " ção", ";", " …"])


@pytest.mark.parametrize("name", DISGUISES)
@settings(max_examples=8, deadline=None)
@given(identifier=IDENTIFIERS, before=BEFORE, after=AFTER)
def test_a_disguised_identifier_is_found_exactly(name: str, identifier: str, before: str, after: str) -> None:
    if name in _SIGNS_BETWEEN and not identifier.isdecimal() and "@" not in identifier:
        return  # a separator between separators is another test
    if name == "dotted" and "@" in identifier:
        return  # `a.n.a.@` is an address as it stands, its parts dotted
    if name.startswith("spaced") and "@" in identifier and before == "é ":
        return  # one letter more of a word that is spelled out
    hidden = DISGUISES[name](identifier)
    text = before + hidden + after
    found = REDACTOR.redaction(text)
    at = (len(before), len(before) + len(hidden))
    assert [(span.start, span.end) for span in found.spans] == [at], text
    if found.spans[0].entity != "CBU":  # of 22 digits one in a hundred is a valid CBU as it stands
        assert found.text == before + REDACTOR.redact(identifier) + after, "named as it is without the disguise"


@settings(max_examples=60, deadline=None)
@given(identifier=cpfs().map(cpf.format), other=cpfs(), noise=st.text(max_size=40))
def test_text_outside_the_findings_stays_as_it_is(identifier: str, other: str, noise: str) -> None:
    text = f"{noise} {base_64(identifier)} {noise} {hexadecimal(other)} {noise}"
    spans = REDACTOR.spans(text)
    position, pieces = 0, list[str]()
    for span in spans:
        pieces.append(text[position : span.start])
        position = span.end
    pieces.append(text[position:])
    redacted = REDACTOR.redact(text)
    for piece in pieces:
        assert piece in redacted
    assert identifier not in redacted
    assert base_64(identifier) not in redacted
    assert hexadecimal(other) not in redacted


@settings(max_examples=40, deadline=None)
@given(identifier=cpfs().map(cpf.format), before=st.integers(0, 9), after=st.integers(0, 9))
def test_inside_an_encoded_document_only_the_identifier_goes(identifier: str, before: int, after: int) -> None:
    document = f'{{"{"a" * before}": 1, "cpf": "{identifier}", "z": "{"b" * after}"}}'
    for encoded in (base_64(document), hexadecimal(document)):
        (span,) = REDACTOR.spans(f"payload {encoded} end")
        assert span.entity == "CPF"
        assert 0 < span.end - span.start <= 2 * len(identifier) + 4, "not the whole document"


@pytest.mark.parametrize(
    "text",
    [
        "529 98 22 47 25",
        "1-529 98 22 47 25",
        "52.99.82.24.725",
        "529 · 982 · 247 · 25",
        "5299-8224-725",
        "529\u2014982\u2014247\u201425",
        "529/982/247/25",
        "cpf\\u003a52998224725",
        "529\\.982\\.247\\-25",
        "NTI5Ljk4Mi4y\nNDctMjU=",
        "\\x35\\x32\\x39.982.247-25",
        "0x35 0x32 0x39 0x39 0x38 0x32 0x32 0x34 0x37 0x32 0x35",
        "\\u{35}29.982.247-25",
        "%u0035%u0032%u0039.982.247-25",
        "\u0665\u0662\u0669 982 247 25",
    ],
)
def test_a_known_trick_does_not_work(text: str) -> None:
    redacted = REDACTOR.redact(f"see {text} .")
    assert "<CPF_" in redacted
    assert redacted.startswith("see ")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("ana\\u0040example.com", True),
        ("ana%40example.com", True),
        ("ana&commat;example&period;com", True),
        ("ana [at] example [dot] com", True),
        ("ana(arroba)example.com.br", True),
        ("ana at example dot com", True),
        ("a n a @ e x a m p l e . c o m", True),
        ("ana @ example.com", True),
        ("ＡＮＡ＠ｅｘａｍｐｌｅ．ｃｏｍ", True),
        ("YW5hQGV4YW1wbGUuY29t", True),
    ],
)
def test_an_address_in_disguise_is_found(text: str, whole: bool) -> None:
    (span,) = REDACTOR.spans(text)
    assert (span.start, span.end) == (0, len(text))
    assert REDACTOR.redact(text) == REDACTOR.redact("ana@example.com.br" if "br" in text else "ana@example.com")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_looked_at_twice_with_one_result(text: str) -> None:
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once) == once
