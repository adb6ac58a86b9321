"""The redactor: what it finds, what it leaves alone, how it names, that it never fails open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InvalidInput, Unavailable
from guardrails.redaction.engine import Redactor
from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.recognizer import Form, Recognizer
from guardrails.redaction.recognizers import recognizers

KEY = b"a key for tests, 32 bytes long.."
REDACTOR = Redactor(KEY)

FOUND = [
    ("CPF", "cliente 529.982.247-25 recusado", "529.982.247-25"),
    ("CPF", '{"doc":"52998224725"}', "52998224725"),
    ("CPF", "/customers/52998224725/payments", "52998224725"),
    ("CNPJ", "loja 11.222.333/0001-81.", "11.222.333/0001-81"),
    ("CNPJ", "loja 11222333000181", "11222333000181"),
    ("CNPJ", "cnpj 12.ABC.345/01DE-35", "12.ABC.345/01DE-35"),
    ("CUIT", "titular 20-05536168-2", "20-05536168-2"),
    ("CUIT", "cuit=20055361682", "20055361682"),
    ("CBU", "a la cuenta 2850590940090418135201", "2850590940090418135201"),
    ("RUT", "rut del pagador 12.531.909-2", "12.531.909-2"),
    ("RUT", "rut 12531909-2", "12531909-2"),
    ("CURP", "BOXW310820HNERXN09 no existe", "BOXW310820HNERXN09"),
    ("RFC", "factura a GODE561231GR8", "GODE561231GR8"),
    ("NIT", "proveedor 213.123.432-1", "213.123.432-1"),
    ("CARD", "declined 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("CARD", "pan=5555555555554444&x=1", "5555555555554444"),
    ("CARD", "amex 3782 822463 10005", "3782 822463 10005"),
    ("EMAIL", "from Ana.Souza+x@banco.com.br to", "Ana.Souza+x@banco.com.br"),
    ("EMAIL", "de josé@peña.mx", "josé@peña.mx"),
    ("PHONE", "ligue +55 11 98765-4321", "+55 11 98765-4321"),
    ("PHONE", "ligue (11) 98765-4321", "(11) 98765-4321"),
    ("PHONE", "telefone: 11987654321", "11987654321"),
    ("IBAN", "to DE89 3704 0044 0532 0130 00 today", "DE89 3704 0044 0532 0130 00"),
    ("IP", "client 203.0.113.7:443", "203.0.113.7"),
    ("IP", "client [2001:db8::7]", "2001:db8::7"),
    (
        "JWT",
        "t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl;",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ),
    ("AWS_KEY", "key AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_KEY", "aws_secret_access_key=" + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "bPxRfiCYEXAMPLEKEY"),
    ("SLACK_TOKEN", "xoxb-17653285120-abcdefghijkl", "xoxb-17653285120-abcdefghijkl"),
    ("GITHUB_TOKEN", "ghp_" + "a1B2" * 9, "a1B2"),
    ("MODEL_KEY", "sk-proj-" + "a1B2" * 9, "a1B2"),
    ("BEARER", "Authorization: Bearer abcdef123456", "abcdef123456"),
    ("PASSWORD", "postgresql+psycopg://vigia:hun/ter2@db:5432/vigia", "hun/ter2"),
    ("PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    ("PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nMIIEow cut off he", "MIIEow"),
]

OURS = [
    "inc_0193a1b2c3d4718283948596a7b8c9d0 apr_0193a1b2c3d4718283948596a7b8c9d0",
    "INC-0042 cites E12, E3 and [E7]",
    "urn:vigia:source:payments_br urn:vigia:deployment:ingest-br",
    "2026-11-19T05:51:00.123456+00:00 2026-11-19 02:51:33,123",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "card_00123 cust_0004567 dev_000991 m_0031",
    "order 1234567890 shipped; order=52998224725; pedido 52998224725",
    "deploy ingest-br 4.7.0, p50 x100.0, psi 3.41, 212000 R$/h, 1763531460 1763531460123 1763531460123456",
    "http://127.0.0.1:8080/v1/predict/fraud-br and http://localhost:9090/@me",
    "0193a1b2-c3d4-7182-8394-8596a7b8c9d0 550e8400-e29b-41d4-a716-446655440000",
    "std::vector abc::def at 0x7fff5fbff8c0",
    "version 20261119021, offset=99999999999, rows: 41111111",
    "Bearer authentication is required",
    "amount 1,234,567.89 +12.5% -0.031 1e-9",
]


@pytest.mark.parametrize(("entity", "text", "secret"), FOUND)
def test_finds(entity: str, text: str, secret: str) -> None:
    redacted = REDACTOR.redact(text)
    assert secret not in redacted
    assert f"<{entity}_" in redacted
    assert [span.entity for span in REDACTOR.spans(text)] == [entity]


@pytest.mark.parametrize("text", OURS)
def test_leaves_our_own_identifiers_alone(text: str) -> None:
    assert REDACTOR.redact(text) == text


def test_every_recognizer_finds_its_example_and_is_registered_once() -> None:
    registry = recognizers()
    assert len({recognizer.entity for recognizer in registry}) == len(registry) >= 20
    for recognizer in registry:
        assert recognizer.entity in {span.entity for span in REDACTOR.spans(recognizer.example)}


def test_a_pseudonym_is_stable_keyed_and_independent_of_spelling() -> None:
    formatted, bare = REDACTOR.redact("529.982.247-25"), REDACTOR.redact("52998224725")
    assert formatted == bare
    assert Redactor(KEY).redact("52998224725") == bare
    assert Redactor(b"another key, also 32 bytes long.").redact("52998224725") != bare


def test_spans_count_characters_not_bytes() -> None:
    text = "São Paulo — é 529.982.247-25"
    (span,) = REDACTOR.spans(text)
    assert text[span.start : span.end] == "529.982.247-25"


def test_overlapping_findings_leave_no_piece() -> None:
    assert REDACTOR.redact("https://u:ana@example.com/").count("example") <= 1
    assert "ana" not in REDACTOR.redact("postgres://u:ana@example.com/")


@given(st.text(max_size=400))
def test_redacting_is_total_and_idempotent(text: str) -> None:
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once) == once


@given(st.text(alphabet=st.characters(codec=None), max_size=50))
def test_lone_surrogates_pass_through(text: str) -> None:
    assert "52998224725" not in REDACTOR.redact(f"\ud800 {text} | 52998224725 \udfff")


def test_redacts_json_values_with_their_keys_as_context() -> None:
    value = {
        "cuit": 20055361682,
        "rows": 20055361682,
        "customer": {"mail": ["ana@example.com"], "ok": True, "score": 0.5, "none": None},
        "ana@example.com": 1,
    }
    redacted = REDACTOR.redact_value(value)
    assert str(redacted["cuit"]).startswith("<CUIT_")
    assert redacted["rows"] == 20055361682
    assert redacted["customer"]["ok"] is True
    assert "ana@" not in str(redacted)


class _Broken:
    """A validator that fails as a bug would."""

    def __call__(self, text: str) -> bool:
        if text == "example":
            return True
        raise ZeroDivisionError(text)


def test_a_failing_recognizer_blocks_instead_of_passing_the_text() -> None:
    broken = Recognizer(entity="X", forms=(Form(r"[a-z]+"),), example="example", validate=_Broken())
    with pytest.raises(RedactionBlocked) as raised:
        Redactor(KEY, recognizers=[broken]).redact("secret")
    assert "secret" not in str(raised.value)
    assert isinstance(raised.value, Unavailable)


def test_a_blind_recognizer_is_refused_at_the_start() -> None:
    with pytest.raises(RedactionBlocked, match="own example"):
        Redactor(KEY, recognizers=[Recognizer(entity="X", forms=(Form("abc"),), example="xyz")])


def test_a_whole_number_is_looked_at_also_as_a_float() -> None:
    found = REDACTOR.redact_value({"cpf": 52998224725.0, "share": 0.83, "rows": 120000.0, "nan": float("inf")})
    assert found["cpf"] == REDACTOR.redact("52998224725", key="cpf")
    assert (found["share"], found["rows"], found["nan"]) == (0.83, 120000.0, float("inf"))


def test_values_that_are_not_json_are_blocked() -> None:
    with pytest.raises(RedactionBlocked, match="object"):
        REDACTOR.redact_value({"x": object()})
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(RedactionBlocked, match="nested"):
        REDACTOR.redact_value(endless)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="4 bytes"):
        Redactor(b"four")
