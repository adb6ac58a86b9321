"""What is not signed, or not what was signed, is not loaded; each refusal says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine

from audit.checkpoint import CheckpointSigner
from audit.note import TextSigner
from foundation.clock import FixedClock
from foundation.errors import Conflict, InvalidInput, Unavailable
from platform_core.catalog.specs import Catalog
from platform_core.training.artifacts import open_artifact, render_files
from platform_core.training.manifest import make_manifest, sha256, write_manifest
from platform_core.training.registry import ModelRegistry
from platform_core.training.signing import KEY_NAME, ModelKeys
from platform_core.training.staging import staged_files
from platform_core.training.store import ModelStore
from platform_core.urn import parse_urn
from tests.conftest import NIGHT
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import small_model
from tests.fakes.payments import small_catalog

NAME = "fraud_score"


@pytest.fixture
def audit(clock: FixedClock) -> FakeAuditLog:
    return FakeAuditLog(clock)


@pytest.fixture
def registry(engine: Engine, clock: FixedClock, audit: FakeAuditLog, tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry(engine, clock, audit, tmp_path / "models")
    registry.register(small_model(1), NAME, "service:training")
    return registry


@pytest.fixture
def directory(registry: ModelRegistry, tmp_path: Path) -> Path:
    place = tmp_path / "models" / NAME / "1"
    assert registry.load(NAME, "1").version.version == "1"
    for file in place.iterdir():
        file.chmod(0o644)
    return place


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _other_key(place: Path) -> None:
    manifest = (place / "manifest.json").read_bytes()
    text = f"{KEY_NAME}\nmodel {NAME} 1\nmanifest.json sha256 {sha256(manifest)}\n"
    (place / "manifest.note").write_text(TextSigner(KEY_NAME, Ed25519PrivateKey.generate()).sign_text(text))


def _edit_manifest(place: Path) -> None:
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps({**manifest, "created_by": "human:mallory"}))


def _link(place: Path) -> None:
    shutil.copy(place / "model.txt", place.parent / "elsewhere.txt")
    (place / "model.txt").unlink()
    (place / "model.txt").symlink_to(place.parent / "elsewhere.txt")


def _link_directory(place: Path) -> None:
    place.rename(place.with_name("moved"))
    place.symlink_to(place.with_name("moved"))


def _pipe(place: Path) -> None:
    (place / "card.md").unlink()
    os.mkfifo(place / "card.md")


def _unsign(place: Path) -> None:
    (place / "manifest.note").unlink()


def _before_signing(place: Path) -> None:
    _unsign(place)
    (place / "manifest.json").unlink()


TAMPERING: list[tuple[str, Callable[[Path], object]]] = [
    (r"is not signed: .* has no manifest.note \(.*vigia models sign fraud_score 1", _unsign),
    (r"is not signed: .* has no manifest.json and no manifest.note", _before_signing),
    ("signature does not fit|no signature by|is not text", lambda p: _flip(p / "manifest.note")),
    ("is not signed by a key that is trusted here: no signature by", _other_key),
    ("is not the one that was signed", _edit_manifest),
    ("model.txt' was altered: its SHA-256", lambda p: _flip(p / "model.txt")),
    ("signature.json' was altered", lambda p: _flip(p / "signature.json")),
    ("was altered: it has", lambda p: (p / "card.md").write_text("x" * 100_000)),
    ("lacks card.md", lambda p: (p / "card.md").unlink()),
    ("holds files that nobody signed: model.pkl", lambda p: (p / "model.pkl").write_bytes(b"\x80\x04.")),
    ("holds files that nobody signed: more", lambda p: (p / "more").mkdir()),
    ("model.txt' is a symbolic link", _link),
    ("is no directory, or a link to one", _link_directory),
    ("is no regular file", _pipe),
]  # fmt: skip


@pytest.mark.parametrize(("why", "tamper"), TAMPERING, ids=[why[:40] for why, _ in TAMPERING])
def test_what_was_tampered_with_is_refused(
    registry: ModelRegistry, directory: Path, why: str, tamper: Callable[[Path], object]
) -> None:
    tamper(directory)
    with pytest.raises(Conflict, match=why) as refused:
        registry.load(NAME, "1")
    assert refused.value.hint


def test_another_versions_signed_files_are_not_taken_for_this_one(registry: ModelRegistry, directory: Path) -> None:
    registry.register(small_model(2), NAME, "service:training")
    shutil.rmtree(directory)
    shutil.copytree(directory.with_name("2"), directory)
    with pytest.raises(Conflict, match=r"the note says 'vigia/models.nmodel fraud_score 2"):
        registry.load(NAME, "1")


def test_a_signed_version_of_another_registry_is_not_the_registered_one(
    registry: ModelRegistry, directory: Path, clock: FixedClock, tmp_path: Path
) -> None:
    """Rightly signed for this name and version, but somebody swapped the whole directory."""
    keys = ModelKeys(tmp_path / "keys" / "models.pem")
    trained = small_model(2)
    others, now = ModelStore(tmp_path / "others", keys), clock.now()
    files = render_files(trained, NAME, "1")
    with others.written(trained.signature, files, name=NAME, version="1", created_at=now, created_by="x") as staged:
        staged.publish()
    shutil.rmtree(directory)
    shutil.copytree(tmp_path / "others" / NAME / "1", directory)
    with pytest.raises(Conflict, match="holds a signed model that is not the one registered"):
        registry.load(NAME, "1")


def test_a_large_version_is_refused_unread(
    registry: ModelRegistry, engine: Engine, clock: FixedClock, tmp_path: Path
) -> None:
    small = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models", max_bytes=1000)
    with pytest.raises(Conflict, match=r"at most 1000 are loaded .*VIGIA__MODELS__MAX_BYTES"):
        small.load(NAME, "1")
    assert registry.load(NAME, "1").version.version == "1"


def test_a_missing_directory_is_a_store_that_is_down(registry: ModelRegistry, directory: Path) -> None:
    shutil.rmtree(directory)
    with pytest.raises(Unavailable, match="cannot be read"):
        registry.load(NAME, "1")


def test_a_key_of_the_audit_log_signs_no_model(directory: Path, tmp_path: Path) -> None:
    """Its key under our name: the first line of the text is the key's name, and a checkpoint has another second one."""
    signer = CheckpointSigner.load_or_create(tmp_path / "audit.pem", "vigia/audit")
    keys = ModelKeys(None, trusted=[signer.verifier.verifier_key])
    manifest = (directory / "manifest.json").read_bytes()
    note = signer.sign_text(f"{KEY_NAME}\nmodel {NAME} 1\nmanifest.json sha256 {sha256(manifest)}\n")
    with pytest.raises(Conflict, match="is not the one that was signed"):
        keys.check(note.encode(), NAME, "1", manifest)


def test_another_machine_loads_with_the_verifier_key_alone(directory: Path, tmp_path: Path) -> None:
    key = ModelKeys(tmp_path / "keys" / "models.pem").verifier_key
    keys = ModelKeys(tmp_path / "none" / "models.pem", trusted=[key])
    artifact = open_artifact(directory, keys, name=NAME, version="1")
    assert artifact.signed_by == key
    assert artifact.signature == small_model(1).signature
    assert not (tmp_path / "none").exists()
    stranger = ModelKeys(tmp_path / "none" / "models.pem")
    with pytest.raises(Conflict, match=r"nobody's signature is known here.*VIGIA__MODELS__TRUSTED"):
        open_artifact(directory, stranger, name=NAME, version="1")
    with pytest.raises(InvalidInput, match="damaged"):
        ModelKeys(None, trusted=[key.replace("+A", "+B")])


def test_the_key_is_for_its_owner_alone(registry: ModelRegistry, tmp_path: Path) -> None:
    assert registry.names() == [NAME]
    assert (tmp_path / "keys" / "models.pem").stat().st_mode & 0o777 == 0o600


def test_a_version_from_before_is_signed_after_a_look(
    registry: ModelRegistry, directory: Path, audit: FakeAuditLog
) -> None:
    for file in ("manifest.json", "manifest.note"):
        (directory / file).unlink()
    artifact = registry.sign(NAME, "1", "human:ana")
    assert artifact.manifest.created_by == "service:training"
    assert registry.load(NAME, "1").version.version == "1"
    assert (audit.records[-1].action, audit.records[-1].actor) == ("model.signed", "human:ana")
    (directory / "manifest.note").unlink()
    _flip(directory / "model.txt")
    with pytest.raises(Conflict, match="was altered"):
        registry.sign(NAME, "1", "human:ana")


def test_the_manifest_tells_what_it_is(registry: ModelRegistry) -> None:
    manifest = registry.open(NAME, "1").manifest
    assert (manifest.name, manifest.version, manifest.flavor) == (NAME, "1", "lightgbm")
    assert set(manifest.files) == {"model.txt", "signature.json", "card.md"}
    assert manifest.files["signature.json"].sha256 == manifest.signature_sha256
    assert manifest.libraries["lightgbm"]
    assert manifest.data_digest == small_model(1).signature.data_digest


def _changed(**view: object) -> Catalog:
    catalog = small_catalog()
    first, *others = catalog.feature_views
    return catalog.model_copy(update={"feature_views": (first.model_copy(update=view), *others)})


def _service(**changes: object) -> Catalog:
    catalog = small_catalog()
    return catalog.model_copy(update={"feature_services": (catalog.feature_services[0].model_copy(update=changes),)})


def test_a_model_is_loaded_for_the_catalog_it_was_trained_on(registry: ModelRegistry) -> None:
    catalog = small_catalog()
    model = registry.load(NAME, "1", catalog=catalog)
    assert [bool(f.version) for f in model.version.signature.features] == [True, True, False, False, False]
    aggregation = catalog.feature_views[0].aggregations[0]
    longer = _changed(aggregations=(aggregation.model_copy(update={"window": timedelta(hours=2)}),))
    fields = catalog.feature_services[0].request_fields
    whole = fields[0].model_copy(update={"dtype": "int64"})
    for other, why in (
        (longer, "card_velocity__tx_count_1h: window 1h -> 2h"),
        (_changed(aggregations=()), "the catalog has no 'card_velocity__tx_count_1h'"),
        (_service(features=("device_risk:tx_count_1h",)), "fraud_v1 has no feature 'card_velocity__tx_count_1h'"),
        (_service(request_fields=fields[1:]), "the catalog has no 'amount'"),
        (_service(request_fields=(whole, *fields[1:])), "amount is int64, was"),
        (_service(name="fraud_v2"), "there is no feature service 'fraud_v1'"),
    ):
        with pytest.raises(Conflict, match=why):
            registry.load(NAME, "1", catalog=other)
    more = _changed(description="said otherwise", owner="somebody")
    assert registry.load(NAME, "1", catalog=more).version == model.version
    assert registry.load(NAME, "1", catalog=small_catalog(("br",))).version == model.version


def test_a_figure_that_is_no_number_is_not_registered(registry: ModelRegistry) -> None:
    trained = small_model(1)
    metrics = {**trained.signature.metrics, "auc": float("nan")}
    signature = trained.signature.model_copy(update={"metrics": metrics})
    with pytest.raises(InvalidInput, match=r"metrics\.auc"):
        registry.register(replace(trained, signature=signature), "fraud_score", "human:ana")
    assert [v.version for v in registry.list("fraud_score")] == ["1"]


def written(directory: Path, files: dict[str, bytes]) -> None:
    with staged_files(directory, files) as staged:
        staged.publish()


def test_a_signed_signature_that_cannot_be_read_is_refused_with_a_reason(tmp_path: Path) -> None:
    """As one of another version of this program."""
    files = {"signature.json": b'{"flavor": "lightgbm"}', "card.md": b"# none", "model.txt": b"tree"}
    keys = ModelKeys(tmp_path / "keys" / "models.pem")
    signature = small_model(1).signature
    manifest = write_manifest(
        make_manifest(signature, files, name="other", version="1", created_at=NIGHT, created_by="human:ana")
    )
    signed = {"manifest.json": manifest, "manifest.note": keys.sign("other", "1", manifest).encode()}
    written(tmp_path / "other" / "1", {**files, **signed})
    with pytest.raises(Conflict, match=r"the signature of other version 1 cannot be read: feature_service"):
        open_artifact(tmp_path / "other" / "1", keys, name="other", version="1")


def test_what_cannot_be_audited_is_not_signed(registry: ModelRegistry, directory: Path, audit: FakeAuditLog) -> None:
    for file in ("manifest.json", "manifest.note"):
        (directory / file).unlink()
    audit.down = True
    with pytest.raises(Unavailable):
        registry.sign(NAME, "1", "human:root")
    audit.down = False
    with pytest.raises(Conflict, match="is not signed"):
        registry.open(NAME, "1")


def test_a_manifest_of_another_version_is_refused_whatever_its_note_says(tmp_path: Path) -> None:
    keys, trained = ModelKeys(tmp_path / "keys" / "models.pem"), small_model(1)
    files = render_files(trained, "other", "1")
    manifest = write_manifest(
        make_manifest(trained.signature, files, name="other", version="1", created_at=NIGHT, created_by="human:ana")
    )
    signed = {"manifest.json": manifest, "manifest.note": keys.sign("mine", "2", manifest).encode()}
    written(tmp_path / "mine" / "2", {**files, **signed})
    with pytest.raises(Conflict, match="mine version 2 says that it is other version 1"):
        open_artifact(tmp_path / "mine" / "2", keys, name="mine", version="2")


@pytest.mark.parametrize("name", ["evil\n", "a b", ""])
def test_a_name_ends_where_it_ends(name: str, registry: ModelRegistry) -> None:
    with pytest.raises(InvalidInput, match="is not a name"):
        registry.register(small_model(1), name, "human:ana")
    with pytest.raises(InvalidInput, match="is not a URN"):
        parse_urn(f"urn:vigia:model:{name}")
