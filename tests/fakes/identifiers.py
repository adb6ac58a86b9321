"""Made-up identifiers with right check digits."""

from __future__ import annotations


def cpf_of(number: int) -> str:
    """The CPF whose first nine digits are `number`."""
    digits = [int(character) for character in f"{number:09d}"]
    for _ in range(2):
        weighed = sum(weight * digit for weight, digit in zip(range(len(digits) + 1, 1, -1), digits, strict=True))
        digits.append((11 - weighed % 11) % 11 % 10)
    return "".join(map(str, digits))
