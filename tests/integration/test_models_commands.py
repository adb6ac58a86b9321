"""`vigia models train | reproduce | show | sign | verify | key | track | remote` on a small company of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from foundation.errors import Conflict, Forbidden, InvalidInput, Unavailable
from interfaces.bootstrap.foundations import open_foundations
from interfaces.cli.features import moments
from interfaces.cli.main import app
from interfaces.principals import PrincipalsFile, add_principal
from interfaces.settings import load_settings
from platform_core.access.principals import Grant
from platform_core.catalog.specs import Catalog, Column
from platform_core.catalog.writing import write_catalog
from platform_core.features.feature_rows import offline_table
from platform_core.features.leases import SqlLeases
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.training.plan import load_plan
from platform_core.training.turns import Turns, said_of
from tests.fakes.payments import small_catalog, small_history

ROOT = Path(__file__).parents[2]
ROWS = 700
PLAN = """
model: fraud_score
feature_service: fraud_v1
window: {{start: 2026-11-12T00:00:00Z, end: 2026-11-19T00:00:00Z}}
seed: 7
estimator: {estimator}
segments: [{{name: country, column: tenant}}, {{name: channel, column: channel}}]
"""
ESTIMATORS = {
    "trees": "{flavor: lightgbm, trees: 8}",
    "forest": "{flavor: sklearn, estimator: random_forest, parameters: {n_estimators: 8, max_depth: 5}}",
}
# In one process, what would else be several, each of which takes seconds to begin.
COMMANDS = """
import json, sys
from interfaces.cli.main import app
for command in json.loads(sys.argv[1]):
    try:
        app(command, standalone_mode=False)
    except SystemExit as error:
        sys.exit(error.code)
"""


def _catalog() -> Catalog:
    texts = ("event_id", "card_id", "device_id", "channel")
    columns = (
        *(Column(name=name, dtype="string", description=name) for name in texts),
        Column(name="event_ts", dtype="timestamp", description="when"),
        Column(name="ingested_at", dtype="timestamp", description="written"),
        Column(name="amount", dtype="float64", description="amount"),
    )
    catalog = small_catalog()
    sources = tuple(source.model_copy(update={"columns": columns}) for source in catalog.sources)
    return catalog.model_copy(update={"sources": sources})


def _append(store: DeltaOfflineStore, seed: int) -> None:
    history = small_history(ROWS, seed=seed)
    for table in history.tables():
        store.append(table, history.read(table))
    for view, key in (("card_velocity", "card_id"), ("device_risk", "device_id")):
        for tenant in ("br", "ar"):
            payments = history.read(f"payments_{tenant}")
            columns: dict[str, Any] = {
                "tenant": [tenant] * ROWS,
                "key": payments[key],
                "event_ts": payments["event_ts"],
                "created_ts": payments["event_ts"],
                "tx_count_1h": pa.array([float(n % 7) for n in range(ROWS)]),
            }
            store.append(offline_table(view), pa.table(columns))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plans, one of LightGBM and one of scikit-learn, and what they are trained on."""
    place = tmp_path_factory.mktemp("company")
    write_catalog(_catalog(), place / "catalog")
    _append(DeltaOfflineStore(place / "data" / "offline"), seed=7)
    for name, estimator in ESTIMATORS.items():
        (place / f"{name}.yaml").write_text(PLAN.format(estimator=estimator))
    return place


def _variables(place: Path) -> dict[str, str]:
    return {"VIGIA__DATA_DIR": str(place / "data"), "VIGIA__CATALOG_PATH": str(place / "catalog")}


def _fresh_process(place: Path, *commands: list[str]) -> list[Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGIA")}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        env=kept | {"PYTHONPATH": str(ROOT)} | _variables(place),
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found, rest = [], done.stdout.lstrip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].lstrip()
    return found


@pytest.fixture(scope="module")
def trained(company: Path) -> list[Any]:
    commands = [["models", "train", f"{name}.yaml", "--json"] for name in ESTIMATORS]
    return _fresh_process(company, *commands)


@pytest.fixture
def vigia(company: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    assert len(trained) == 2
    monkeypatch.chdir(company)
    for name, value in _variables(company).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["models", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_a_plan_becomes_a_version_that_says_where_it_came_from(trained: list[Any]) -> None:
    for number, answer in enumerate(trained, 1):
        version, tracking = answer["version"], answer["tracking"]
        assert (version["version"], version["stage"], version["created_by"]) == (str(number), "dev", moments.person())
        assert tracking["problem"] is None
        signature = version["signature"]
        assert signature["table_versions"]["payments_br"] == 0
        assert len(signature["table_versions"]) == 6
        assert {s["segment"] for s in signature["quality"]["segments"]} == {"country", "channel"}
    assert [a["version"]["signature"]["flavor"] for a in trained] == ["lightgbm", "sklearn"]
    assert set(trained[1]["version"]["files"]) == {"model.txt", "model.json", "signature.json", "card.md"}


def test_another_process_makes_the_same_bytes_of_the_past(company: Path, trained: list[Any]) -> None:
    """Of LightGBM and of scikit-learn, although rows were appended to every table meanwhile."""
    _append(DeltaOfflineStore(company / "data" / "offline"), seed=9)
    commands = [["models", "reproduce", "fraud_score", str(n), "--json"] for n in (1, 2)]
    for number, found in enumerate(_fresh_process(company, *commands), 1):
        assert (found["version"], found["same"], found["weights_same"]) == (str(number), True, True)
        assert (found["files"], found["differences"]) == ([], [])
        assert {"model.txt", "signature.json", "card.md", "manifest.json"} <= set(found["compared"])


def test_the_card_shows_what_to_know(vigia: Any) -> None:
    card = vigia("show", "fraud_score", "--version", "2")
    for told in ("scikit-learn, random_forest", "country: br", "table `payments_br` at version 0", "Calibration"):
        assert told in card


def test_the_directory_is_verified_anywhere(vigia: Any, company: Path) -> None:
    key = vigia("key").strip()
    found = json.loads(vigia("verify", "data/models/fraud_score/2", "--key", key, "--json"))
    assert found["signed_by"] == key
    assert found["manifest"]["flavor"] == "sklearn"
    other = key.replace("vigia/models", "another/models")
    with pytest.raises(InvalidInput, match="damaged"):
        vigia("verify", "data/models/fraud_score/2", "--key", other)
    with pytest.raises(Conflict, match="the note says 'vigia/models"):
        vigia("verify", "data/models/fraud_score/2", "--version", "1")
    assert (company / "data" / "keys" / "models.pem").stat().st_mode & 0o777 == 0o600


def test_a_tracker_that_is_down_stops_nothing_and_is_told_later(vigia: Any, company: Path) -> None:
    """Here of files, whose place is taken; the contract of trackers does the same with MLflow."""
    runs = company / "data" / "runs"
    runs.rename(company / "data" / "kept")
    runs.write_text("not a directory")
    answer = json.loads(vigia("train", "trees.yaml", "--json"))
    assert answer["version"]["version"] == "3"
    assert "cannot be kept" in answer["tracking"]["problem"]
    assert json.loads(vigia("track", "fraud_score", "3", "--json", code=1))[0]["problem"]
    runs.unlink()
    (company / "data" / "kept").rename(runs)
    sent = json.loads(vigia("track", "fraud_score", "--json"))
    assert [(t["version"], t["problem"]) for t in sent] == [("3", None)]
    assert json.loads(vigia("track", "fraud_score", "--json")) == []
    remote = json.loads(vigia("remote", "--json"))
    assert [(v["version"], v["tags"]["vigia.flavor"]) for v in remote] == [
        ("1", "lightgbm"),
        ("2", "sklearn"),
        ("3", "lightgbm"),
    ]


def test_an_unsigned_version_is_told_how_to_be_signed(
    vigia: Any, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = company / "data" / "models" / "fraud_score" / "1"
    for name in ("manifest.json", "manifest.note"):
        (directory / name).unlink()
    with pytest.raises(Conflict, match=r"is not signed.*vigia models sign fraud_score 1"):
        vigia("show", "fraud_score", "--version", "1")
    people = company / "data" / "principals.yaml"
    for name, roles in (("ana", ["admin"]), ("bob", ["viewer"])):
        monkeypatch.setenv("VIGIA_API_KEY", add_principal(people, name=name, roles=roles, tenants=["*"]))
        if name == "bob":
            with pytest.raises(Forbidden, match="human:bob may not sign fraud_score"):
                vigia("sign", "fraud_score", "1")
        else:
            assert "is signed by vigia/models+" in vigia("sign", "fraud_score", "1")
    assert "fraud_score version 1" in vigia("show", "fraud_score", "--version", "1")


def test_a_plan_for_another_catalog_is_refused(vigia: Any, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA_API_KEY", known(company, "carla", "responder"))
    (company / "other.yaml").write_text(PLAN.format(estimator=ESTIMATORS["trees"]).replace("channel}", "colour}"))
    with pytest.raises(InvalidInput, match="colour"):
        vigia("train", "other.yaml")
    with pytest.raises(InvalidInput, match="0 fraudulent and 0 genuine"):
        vigia("train", "trees.yaml", "--start", "2026-11-01", "--end", "2026-11-02")


def known(company: Path, name: str, role: Any, *tenants: str, **grant: Any) -> str:
    """The API key of somebody with that role, for all tenants when none is named."""
    given = Grant(roles=frozenset([role]), tenants=frozenset(tenants or ("*",)), **grant)
    return PrincipalsFile(company / "data" / "principals.yaml").add(f"human:{name}", given)


def entries(action: str) -> list[Any]:
    return [e.record for e in open_foundations(load_settings()).audit.entries() if e.record.action == action]


def test_who_may_train_is_asked_of_the_grants(vigia: Any, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all tenants and in this environment; refused before anything is read, and audited."""
    refused = {
        "vera": known(company, "vera", "viewer"),
        "till": known(company, "till", "caller"),
        "bruna": known(company, "bruna", "responder", "br"),
        "dora": known(company, "dora", "admin", environments=frozenset({"dev"})),
    }
    for name, key in refused.items():
        monkeypatch.setenv("VIGIA_API_KEY", key)
        with pytest.raises(Forbidden, match=f"human:{name} may not train fraud_score in production"):
            vigia("train", "trees.yaml")
    told = [record.actor for record in entries("model.refused") if record.payload["what"] == "train"]
    assert told == [f"human:{name}" for name in refused]
    monkeypatch.delenv("VIGIA_API_KEY")
    with pytest.raises(InvalidInput, match="needs to know who trains"):
        vigia("train", "trees.yaml")
    more = Grant(roles=frozenset({"responder"}), tenants=frozenset({"*"}))
    PrincipalsFile(company / "data" / "principals.yaml").grant("human:bruna", more)
    monkeypatch.setenv("VIGIA_API_KEY", refused["bruna"])
    answer = json.loads(vigia("train", "trees.yaml", "--json"))
    assert answer["version"]["created_by"] == "human:bruna"


def test_who_trains_by_the_same_plan_is_told_who_is_at_it(
    vigia: Any, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIA_API_KEY", known(company, "rosa", "responder"))
    base = open_foundations(load_settings())
    somebody = Turns(SqlLeases(base.engine, holder="the night shift"))
    held = r"the training of fraud_score for plan \w+ is held by the night shift"
    with somebody.held("fraud_score", said_of(load_plan(company / "trees.yaml"))), pytest.raises(Conflict, match=held):
        vigia("train", "trees.yaml")
    base.engine.dispose()


def test_a_store_that_is_down_is_a_line_and_on_the_timeline(
    vigia: Any, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIA_API_KEY", known(company, "sara", "responder"))
    models = company / "data" / "models"
    models.rename(company / "data" / "elsewhere")
    models.write_text("no directory")
    try:
        with pytest.raises(Unavailable, match=r"the model cannot be stored at .*models/fraud_score"):
            vigia("train", "trees.yaml")
    finally:
        models.unlink()
        (company / "data" / "elsewhere").rename(models)
    done = CliRunner().invoke(app, ["timeline", "--kind", "fault", "--json"])
    (event,) = json.loads(done.stdout)
    assert (event["subject"], event["author"]) == ("urn:vigia:model:fraud_score", "human:sara")
    assert event["summary"].startswith("fraud_score: a version could not be registered: the model cannot be stored")
