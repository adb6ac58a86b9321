"""Log lines as the platform and the copilot write them, without personal data."""

# ruff: noqa: E501 - lines as they are written, not as we would wrap them

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


_SERVICE_SHAPES = (
    '127.0.0.1 - - [{day:02d}/Nov/2026:02:{minute:02d}:33 +0000] "GET /v1/features/{small}?limit={n} HTTP/1.1" 200 {n} "-" '
    '"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.{small}.71 Safari/537.36"',
    "{when} [http-nio-8081-exec-{minute}] WARN o.a.k.c.NetworkClient - [Consumer clientId=fraud-{small}, groupId=g{minute}] "
    "Connection to node {small} could not be established",
    "    at com.payco.features.Materializer.run(Materializer.java:{small})",
    '  File "/srv/app/features/window_{small}.py", line {small}, in compute',
    "I1119 02:{minute:02d}:33.{micro:06d} {small} controller.go:{small}] pod default/fraud-br-{h8}-{h4} evicted",
    'level=info ts={when} caller=db.go:{small} msg="compaction done" mint={millis} maxt={millis} duration={share:.9f}s',
    "26/11/{day:02d} 02:{minute:02d}:33 INFO TaskSetManager: Finished task {small}.0 in stage {minute}.0 (TID {n}) in {n} ms",
    "SELECT count(*) FROM payments_{tenant} WHERE event_ts >= '2026-11-{day:02d} 02:{minute:02d}:00' -- {n} rows, {amount:.2f} ms",
    "commit {h32}{h8} Merge pull request #{small} from payco/fix-{small}",
    "p50={share:.4f} p95={share:.4f} p99={share:.4f} n={n} [{share:.6f}, {amount:.3f}, {share:.6f}]",
    "| {small} | {n} | {amount:.2f} | {share:.4f} |",
    "partition 12 offset {tens} lag {n} leader {small} isr [1,2,3]",
    '{{"level":"error","msg":"unexpected EOF\\\\n\\\\tat read","span":"{h16}","ms":{amount:.3f}}}',
    "s3://payco-features/offline/payments_{tenant}/part-{small:05d}-{h8}-{h4}-4{h3}-a{h3}-{h12}-c000.snappy.parquet",
    "sha256:{h64} pulled in {share:.3f}s ({n} bytes)",
    "GET https://grafana.payco.internal/d/{h8}/latency?orgId=1&from={millis}&to={millis} 200",
    "version 4.{small}.{minute} (build {n}) started on port {port}; jvm 17.0.{minute}+8",
    "Modelo fraud-{tenant} promovido: psi {share:.3f}, ks {share:.3f}; próxima revisão às 02:{minute:02d}",
    "La vista card_velocity está atrasada: {n} filas, {amount:.1f} s — se reintenta en {minute} min",
)


def service_lines(seed: int, count: int) -> Iterator[str]:
    """As other software around the platform writes them: web server, Kafka, Spark, Kubernetes, SQL, stack traces."""
    pick = random.Random(seed)
    for _ in range(count):
        digest = f"{pick.getrandbits(256):064x}"
        minute = pick.randint(0, 59)
        yield pick.choice(_SERVICE_SHAPES).format(
            **{f"h{length}": digest[-length:] for length in (3, 4, 8, 12, 16, 32, 64)},
            when=f"2026-11-{pick.randint(1, 30):02d} 02:{minute:02d}:33,{pick.randint(0, 999):03d}",
            tenant=pick.choice(("br", "ar", "mx", "co")),
            day=pick.randint(1, 30),
            minute=minute,
            micro=pick.randint(0, 999_999),
            small=pick.randint(1, 9999),
            n=pick.randint(0, 99_999_999),
            tens=pick.randint(10**9, 10**10 - 1),
            port=pick.randint(1024, 65535),
            amount=pick.uniform(0.01, 99999),
            share=pick.random(),
            millis=pick.randint(1763000000000, 1769999999999),
        )
