"""Log lines as the platform and the copilot write them, without personal data."""

from __future__ import annotations

import random
from collections.abc import Iterator

_SHAPES = (
    "{when} INFO inc_{h32} INC-{small:04d} investigating, evidence E1 E{small}",
    "{when} payments_{tenant}: {n} rows, p50 {amount:.2f}, psi {share:.4f}",
    '{{"ts": {millis}, "card_id": "card_{small:05d}", "amount": {amount:.2f}}}',
    "digest {h64} revision {elevens} offset={elevens}",
    "POST http://127.0.0.1:{port}/v1/predict/fraud-{tenant} 200 in {share:.3f} s",
    "order {tens} approved, order={elevens}, {n} items",
    "urn:vigia:deployment:ingest-{tenant} 4.{small}.7 by ci-{n}",
    "span {h16} trace {h32} apr_{h32} {n}",
    "GC pause {amount:.1f}ms, heap 0x{h12}, thread-{small}, 12:{minute:02d}:03",
    "{h8}-{h4}-7{h3}-a{h3}-{h12} merchant m_{small}",
    "epoch {seconds} {micros}",
    "run {n} of materialize-card_velocity: {n} rows in {share:.2f} s",
)


def ordinary_lines(seed: int, count: int) -> Iterator[str]:
    """`count` lines, the same for the same seed."""
    pick = random.Random(seed)
    for _ in range(count):
        digest = f"{pick.getrandbits(256):064x}"
        minute = pick.randint(0, 59)
        yield pick.choice(_SHAPES).format(
            **{f"h{length}": digest[-length:] for length in (3, 4, 8, 12, 16, 32, 64)},
            when=f"2026-11-{pick.randint(1, 30):02d}T02:{minute:02d}:33.{pick.randint(0, 999999):06d}+00:00",
            tenant=pick.choice(("br", "ar", "mx", "co")),
            minute=minute,
            small=pick.randint(1, 9999),
            n=pick.randint(0, 99_999_999),
            tens=pick.randint(10**9, 10**10 - 1),
            elevens=pick.randint(10**10, 10**11 - 1),
            port=pick.randint(1024, 65535),
            amount=pick.uniform(0.01, 99999),
            share=pick.random(),
            seconds=pick.randint(1763000000, 1769999999),
            millis=pick.randint(1763000000000, 1769999999999),
            micros=pick.randint(1763000000000000, 1769999999999999),
        )
