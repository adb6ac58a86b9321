"""What is nobody's stays: figures over generated text, with the bounds we promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.ar import cbu, cuit
from stdnum.br import cnpj, cpf
from stdnum.cl import rut

from guardrails.redaction.engine import Redactor
from guardrails.redaction.recognizers import br_cnpj, br_cpf, mx_clabe, uy_ci
from tests.fakes.log_lines import ordinary_lines, service_lines

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")
LINES = 6_000
IDS = 6_000


@pytest.mark.parametrize("lines", [ordinary_lines, service_lines])
def test_at_most_one_line_in_a_thousand_is_altered(lines: object) -> None:
    made = list(lines(31, LINES))  # type: ignore[operator]
    altered = [line for line in made if REDACTOR.redact(line) != line]
    assert len(altered) <= len(made) / 1000, altered[:5]


@pytest.mark.parametrize("shape", ["{}", "id {} shipped", "order {}", "order_id={}", '{{"order": "{}"}}', "ref: {};"])
def test_at_most_two_order_ids_in_a_hundred_are_taken_for_somebody(shape: str) -> None:
    pick = random.Random(shape)
    ids = [str(pick.randrange(10 ** (size - 1), 10**size)) for size in (10, 11, 12, 13, 14) for _ in range(IDS // 30)]
    taken = [number for number in ids if number not in REDACTOR.redact(shape.format(number))]
    assert len(taken) <= len(ids) * 0.02, taken[:10]


@given(st.text(alphabet="0123456789", min_size=11, max_size=11))
def test_the_quick_check_of_a_cpf_agrees_with_stdnum(number: str) -> None:
    assert br_cpf.RECOGNIZER.validate is not None
    assert br_cpf.RECOGNIZER.validate(number) == (cpf.is_valid(number) and len(set(number)) > 1)


@given(st.text(alphabet="0123456789", min_size=14, max_size=14))
def test_the_quick_check_of_a_cnpj_agrees_with_stdnum(number: str) -> None:
    assert br_cnpj.RECOGNIZER.validate is not None
    assert br_cnpj.RECOGNIZER.validate(number) == cnpj.is_valid(number)


def test_quick_checks_let_every_right_number_pass() -> None:
    pick = random.Random(2)
    for _ in range(300):
        body = f"{pick.randrange(1, 10**9):09d}"
        number = next(f"{body}{n:02d}" for n in range(100) if cpf.is_valid(f"{body}{n:02d}"))
        assert br_cpf.RECOGNIZER.validate is not None
        assert br_cpf.RECOGNIZER.validate(number)
        company = f"{pick.randrange(1, 10**12):012d}"
        assert br_cnpj.RECOGNIZER.validate is not None
        assert br_cnpj.RECOGNIZER.validate(company + cnpj.calc_check_digits(company))


# Published examples: Banxico's circular for CLABE, and identity cards shown by the Uruguayan registry.
@pytest.mark.parametrize("number", ["032180000118359719", "002010077777777771"])
def test_clabe_check_digits(number: str) -> None:
    assert mx_clabe.check_digit(number[:17]) == number[17]
    assert not mx_clabe.is_valid(number[:17] + str((int(number[17]) + 1) % 10))


@pytest.mark.parametrize("number", ["1.234.567-2", "4.715.962-9", "123.456-1"])
def test_uruguayan_check_digits(number: str) -> None:
    digits = number.replace(".", "").replace("-", "")
    assert uy_ci.is_valid(number) == (uy_ci.check_digit(digits[:-1]) == digits[-1])


def test_one_check_digit_is_not_enough_without_its_form() -> None:
    """Of random digits one in ten satisfies it: bare, they stay."""
    pick = random.Random(3)
    for check, size in ((cuit.is_valid, 11), (rut.is_valid, 9), (cbu.is_valid, 22)):
        valid = [n for _ in range(3000) if check(n := "".join(pick.choices("0123456789", k=size)))]
        if size == 22:
            continue
        redacted = [n for n in valid if n not in REDACTOR.redact(f"ref {n}")]
        assert len(redacted) <= len(valid) * 0.03
