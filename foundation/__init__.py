"""The floor every room stands on: clock, ids, canonical JSON, errors, database, telemetry.

It knows no domain. It exists because `audit`, the lowest room of the domain, needs these too (ADR 0002).
"""
