"""Tables for people: as wide as the terminal, and not squeezed where there is none."""

import pytest

from interfaces.terminal.output import print_table

COLUMNS = tuple(f"column {number}" for number in range(8))
ROW = ("population_shift",) * 8


def test_a_table_that_goes_to_a_pipe_keeps_its_words_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("scores", COLUMNS, [ROW], empty="none")
    assert capsys.readouterr().out.count("population_shift") == 8


def test_columns_of_the_environment_are_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table("scores", COLUMNS, [ROW], empty="none")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_nothing_to_show_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("scores", COLUMNS, [], empty="no scenario")
    assert capsys.readouterr().out.strip() == "no scenario"
