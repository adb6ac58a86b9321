"""The table of the online store on DynamoDB, as CreateTable takes it."""

from __future__ import annotations

from typing import Any


def table_request(name: str) -> dict[str, Any]:
    """Its indexes hold keys only; see `dynamodb` for the attributes."""

    def index(of: str, by: str) -> dict[str, Any]:
        keys = [{"AttributeName": "part", "KeyType": "HASH"}, {"AttributeName": by, "KeyType": "RANGE"}]
        return {"IndexName": of, "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"}}

    types = {"row": "S", "part": "S", "event_us": "N", "written": "N"}
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        "KeySchema": [{"AttributeName": "row", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [index("by_event", "event_us"), index("by_written", "written")],
    }
