"""Planted identifiers are found wherever they stand; ordinary lines stay; no input makes it slow."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.br import cnpj, cpf
from tldextract import TLDExtract

from guardrails.redaction.engine import Redactor
from guardrails.redaction.recognizers.email import NO_DOMAIN
from tests.fakes.identifiers import cpf_of
from tests.fakes.log_lines import ordinary_lines

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")

BEFORE = [
    "",
    " ",
    "cpf=",
    '"',
    "'",
    "(",
    "[",
    "=",
    ":",
    "/",
    ",",
    "customer_",
    "\n",
    "é",
    '{"doc": "',
    "<",
    ";",
    "…",
    "#",
]
AFTER = ["", " ", ".", ",", '"', ")", "]", "\n", "é", "&x=1", "/", ";", "_x", " é", "}", ">", "…", "?"]


@given(st.integers(1, 999_999_999), st.sampled_from(BEFORE), st.sampled_from(AFTER), st.booleans())
def test_a_planted_cpf_is_found(number: int, before: str, after: str, formatted: bool) -> None:
    bare = cpf_of(number)
    assert cpf.is_valid(bare)
    assume(len(set(bare)) > 1)  # the same digit eleven times is nobody's
    written = cpf.format(bare) if formatted else bare
    assert written not in REDACTOR.redact(f"x {before}{written}{after} y")


@given(st.integers(0, 10**12 - 1), st.booleans())
def test_a_planted_cnpj_is_found(number: int, formatted: bool) -> None:
    body = f"{number:012d}"
    bare = body + cnpj.calc_check_digits(body)
    if cnpj.is_valid(bare):
        written = cnpj.format(bare) if formatted else bare
        assert written not in REDACTOR.redact(f"merchant {written} onboarded")


@given(st.integers(0, 10**14 - 1), st.sampled_from(["4", "51", "55", "60", "65"]), st.sampled_from(["", " ", "-"]))
def test_a_planted_card_is_found(number: int, head: str, separator: str) -> None:
    body = (head + f"{number:014d}")[:15]
    pan = body + luhn.calc_check_digit(body)
    written = separator.join(pan[i : i + 4] for i in range(0, 16, 4))
    assert written not in REDACTOR.redact(f"declined {written}, retry")


ADDRESSES = st.from_regex(r"[a-z][a-z0-9._+-]{0,15}[a-z0-9]@[a-z]{2,12}(\.[a-z]{2,5}){1,2}", fullmatch=True)


@given(ADDRESSES.filter(lambda address: address.rpartition(".")[2] not in NO_DOMAIN))
def test_a_planted_address_is_found(address: str) -> None:
    assert address not in REDACTOR.redact(f"sent to <{address}>; ok")


def test_what_is_no_domain_is_none_on_the_public_list() -> None:
    """`.map` and `.target` once were left out: people have addresses there."""
    tlds = set(TLDExtract(suffix_list_urls=(), cache_dir=None).tlds)
    assert {"com", "br", "map", "target"} <= tlds
    assert not NO_DOMAIN & tlds
    for address in ("ana@acme.map", "ana@acme.target"):
        assert address not in REDACTOR.redact(f"sent to <{address}>; ok")


def test_a_thousand_ordinary_lines_stay_as_they_are() -> None:
    altered = [(line, redacted) for line in ordinary_lines(7, 1000) if (redacted := REDACTOR.redact(line)) != line]
    assert altered == []


@pytest.mark.parametrize(
    "unit",
    ["+", "(", "a.", "1", "1 ", "1-", "@", "a@", "a@b.c ", ":", "a:", "f:", "://:", "eyJ", "eyJaaaaa.", "-----BEGIN ",
     "-----BEGIN PRIVATE KEY-----", "Bearer ", "Bearer a1", "xoxb-", "aws key ", "DE89 ", "11 98765-4321 ", "phone 1",
     "card 4", "4111111111111111 ", "529.982.247-25 ", "é", "\u202e", "postgres://a:b@c ", "1.1.1.1 ", "::1 ", "A1B2"],
)  # fmt: skip
def test_time_grows_with_the_text_and_not_faster(unit: str) -> None:
    """Four times the text takes about four times as long; a backtracking engine would take sixteen or far more."""

    def seconds(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        best = float("inf")
        for _ in range(5):
            started = time.thread_time()
            REDACTOR.redact(text)
            best = min(best, time.thread_time() - started)
        return best

    small, large = seconds(10_000), seconds(40_000)  # of this thread: neighbours on the machine do not count
    assert large < 0.002 or large / small < 12


def test_a_text_that_floods_the_automaton_hides_nothing() -> None:
    """RE2's set answers `no match` when its automaton runs out of memory: it must not, whatever the text."""
    pick = random.Random(5)
    alphabet = "0123456789abcdefABCDEF.:-/+@ _=,AKIAxoxbeyJaws\n"
    flood = "".join(pick.choice(alphabet) for _ in range(300_000))
    assert "529.982.247-25" not in REDACTOR.redact(f"{flood} 529.982.247-25 ")
