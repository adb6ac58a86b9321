"""A log with checkpoints and a witness, for tests of what is handed to outsiders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Engine

from audit.checkpoint import CheckpointSigner
from audit.cosignature import Cosigner
from audit.entry import AuditRecord
from audit.export import export_log
from audit.log import SqlAuditLog
from audit.proofs import LeafTree, prove_extension
from audit.publish import CheckpointPublisher, store_cosignature
from audit.witness import Witness
from foundation.clock import Clock

ORIGIN = "vigia.test/audit"
WITNESS = "witness.test/w1"


@dataclass
class WitnessedLog:
    """`publish` signs a checkpoint and has it cosigned."""

    engine: Engine
    clock: Clock
    log: SqlAuditLog
    signer: CheckpointSigner
    cosigner: Cosigner
    witness: Witness
    directory: Path

    @property
    def keys(self) -> tuple[str, str]:
        return self.signer.verifier.verifier_key, self.cosigner.verifier.verifier_key

    def write(self, count: int) -> None:
        size = self.log.head().size
        self.log.append_all([a_record(size + number) for number in range(count)])

    def publish(self) -> str:
        note = CheckpointPublisher(self.engine, self.clock, self.signer).publish()
        last = self.witness.last_size(ORIGIN)
        line = self.witness.add_checkpoint(prove_extension(LeafTree(self.log.leaf_hashes()), last, note).encoded())
        store_cosignature(self.engine, self.clock, note, WITNESS, line)
        return note + line

    def export(self, name: str = "audit.jsonl") -> Path:
        path = self.directory / name
        with path.open("w", encoding="utf-8") as file:
            export_log(self.engine, file)
        return path


def a_record(number: int) -> AuditRecord:
    payload = {"n": number, "text": "ação → “quoted” \n", "big": 1e20}
    return AuditRecord(action="test.appended", actor="human:alice", subject=f"s{number}", payload=payload)


def witnessed_log(engine: Engine, clock: Clock, directory: Path) -> WitnessedLog:
    signer = CheckpointSigner.load_or_create(directory / "audit.pem", ORIGIN)
    cosigner = Cosigner(WITNESS, Ed25519PrivateKey.generate())
    witness = Witness(cosigner, directory / "witness" / "heads.json", [signer.verifier], clock)
    return WitnessedLog(engine, clock, SqlAuditLog(engine, clock), signer, cosigner, witness, directory)
