"""Fields that the catalog classifies: what they hold is personal data whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable

from guardrails.redaction.pseudonyms import is_pseudonym
from guardrails.redaction.recognizer import LIKELY, Form, Recognizer

_LABELS = (
    ("NAME", ("name", "nome", "nombre", "apellido", "sobrenome")),
    ("ADDRESS", ("address", "endereco", "direccion", "domicilio", "street", "rua", "calle", "logradouro")),
)
_WORD = r"[^\s\"'\\,;|&}\])<=:]+"
_CAPITAL = r"[\p{Lu}0-9][^\s\"'\\,;|&}\])<=:]*"
_PARTICLES = "de|da|do|das|dos|del|la|las|los|y|e|van|von"
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")


class ClassifiedFields:
    """Names of columns and features that are `pii` or `sensitive`. `Customer-Name`, `customer.name` and `customer_name`
    are one field; a model's column `view__field` and a reference `view:field` mean the field."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._fields = {spelled: name for name in names if (spelled := _spelled(name))}
        self._by_name = {spelled: _recognizer(spelled, [name]) for spelled, name in self._fields.items()}
        self.entities = frozenset(recognizer.entity for recognizer in self._by_name.values())

    def __len__(self) -> int:
        return len(self._fields)

    def get(self, name: str) -> Recognizer | None:
        """What its values are called; None for a field that is not classified."""
        if not self._fields:
            return None
        last = re.split(r"__|:|\.", name)[-1]
        return self._by_name.get(_spelled(name)) or self._by_name.get(_spelled(last))

    def recognizers(self) -> list[Recognizer]:
        """For fields that stand in a text with their values: `customer_name=Ana Souza`, `"customer_name": "Ana"`. One
        for each label."""
        labels: dict[str, list[str]] = {}
        for spelled, recognizer in self._by_name.items():
            labels.setdefault(recognizer.entity, []).append(spelled)
        return [_recognizer(spelled[0], spelled) for spelled in labels.values()]


def _spelled(name: str) -> str:
    return _NOT_A_LETTER.sub("_", name.casefold()).strip("_")


def _label(field: str) -> str:
    words = field.split("_")
    for label, parts in _LABELS:
        if any(part in words or field.endswith(part) for part in parts):
            return label
    return field.upper()


def _recognizer(spelled: str, names: Iterable[str]) -> Recognizer:
    fields = "|".join(re.escape(_spelled(name)).replace("_", r"[_. -]?") for name in names)
    start = rf"(?i:(?:^|[^a-z0-9])(?:{fields}))\\*[\"']?\s{{0,2}}[=:]\s{{0,2}}"
    # Quoted: to the closing quote. Bare: a word and the capitalised words and numbers after it.
    return Recognizer(
        entity=_label(spelled),
        forms=(
            Form(start + r"\\*\"([^\"\\\n]+)", isolated=False, score=LIKELY),
            Form(start + r"\\*'([^'\\\n]+)", isolated=False, score=LIKELY),
            Form(f"{start}({_WORD}(?: (?:(?:{_PARTICLES}) )*{_CAPITAL})*)", isolated=False, score=LIKELY),
        ),
        example=f"{spelled}: Ana Souza",
        validate=_says_something,
        validator="catalog",
        family="fields",
        normalise=lambda text: " ".join(text.casefold().split()),
    )


def _says_something(text: str) -> bool:
    return text.strip().casefold() not in {"", "null", "none", "nan", "true", "false"} and not is_pseudonym(text)
