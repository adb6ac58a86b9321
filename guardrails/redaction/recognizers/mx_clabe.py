"""CLABE, the Mexican key of a bank account: bank, place, account, check digit: 18 digits (ABM, Banxico).

The first seventeen digits are weighed 3, 7, 1 in turn, each product modulo ten; the check digit makes the sum a
multiple of ten. One in ten random numbers satisfies it, so a bare number also needs the code of a bank that exists.
"""

from __future__ import annotations

from guardrails.redaction.recognizer import COUNTERS, SEPARATOR, Form, Number, Recognizer, digits

# Participants of SPEI, by the three digits a CLABE begins with (Banxico's catalogue of institutions).
_PARTICIPANTS = """
002 006 009 012 014 019 021 030 032 036 037 042 044 058 059 060 062 072 102 103 106 108 110 112 113
116 124 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 143 145 147 148 150 151 152
153 154 155 156 157 158 159 160 166 167 168 600 601 602 605 606 607 608 610 614 615 616 617 618 619
620 621 622 623 626 627 628 629 630 631 632 633 634 636 637 638 640 642 646 647 648 649 651 652 653
655 656 659 661 670 677 680 683 684 685 686 689 699 703 706 710 715 720 722 723 725 727 728 729 730
732 734 738 739 741 812 901 902
"""
_BANKS = frozenset(_PARTICIPANTS.split())


def check_digit(body: str) -> str:
    """Of the seventeen digits before it."""
    return str(-sum(int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(body)) % 10)


def is_valid(text: str) -> bool:
    number = digits(text)
    return len(number) == 18 and len(set(number)) > 1 and check_digit(number[:17]) == number[17]


def _of_a_bank(text: str) -> bool:
    return digits(text)[:3] in _BANKS and is_valid(text)


RECOGNIZER = Recognizer(
    entity="CLABE",
    forms=(
        Form(rf"\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{11}}{SEPARATOR}\d"),
        Form(rf"\d{{4}}(?:{SEPARATOR}\d{{4}}){{3}}{SEPARATOR}\d{{2}}", validate=_of_a_bank),
    ),
    numbers=(Number((18,), needs_context=True), Number((18,), not_after=COUNTERS, validate=_of_a_bank)),
    example="clabe 032180000118359719",
    validate=is_valid,
    validator="check digit (Banxico)",
    context=("clabe", "interbancaria", "cuenta", "spei"),
    normalise=digits,
)
