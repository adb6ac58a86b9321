"""Endpoints of Amazon SageMaker, by boto3: ListEndpoints, DescribeEndpoint, ListTags and
UpdateEndpointWeightsAndCapacities, which are the permissions that it takes.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpointWeightsAndCapacities.html
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from platform_core.attached.endpoints import TENANT_TAG, AttachedEndpoint, EndpointPlatform, Variant

_DENIED = ("AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException")


class SageMakerEndpoints(EndpointPlatform):
    """Endpoints that have the tag `vigia:tenant`; all others are none of our business."""

    name = "sagemaker"

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    def connect(
        cls, *, region: str | None = None, url: str | None = None, timeout_s: float = 5.0
    ) -> SageMakerEndpoints:
        """Credentials and, without `region`, the region are found as boto3 finds them. `url`: another address."""
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            raise InvalidInput("boto3 is not installed", hint="install the extra: vigia[dynamodb]") from error
        retries = {"mode": "standard", "total_max_attempts": 3}
        config = Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries=retries)
        try:
            client = boto3.client("sagemaker", region_name=region, endpoint_url=url, config=config)
        except (BotoCoreError, ValueError) as error:
            raise InvalidInput(f"SageMaker cannot be addressed: {error}", hint="name region or url") from error
        return cls(client)

    def endpoints(self) -> list[AttachedEndpoint]:
        found: list[AttachedEndpoint] = []
        with _answering("the endpoints"):
            for page in self._client.get_paginator("list_endpoints").paginate(SortBy="Name", SortOrder="Ascending"):
                for summary in page["Endpoints"]:
                    tags = self._tags(summary["EndpointArn"])
                    if TENANT_TAG in tags:
                        found.append(_endpoint(self._describe(summary["EndpointName"]), tags))
        return sorted(found, key=lambda endpoint: endpoint.name)

    def endpoint(self, name: str) -> AttachedEndpoint:
        with _answering(f"the endpoint {name!r}"):
            described = self._describe(name)
            return _endpoint(described, self._tags(described["EndpointArn"]))

    def set_variants(self, endpoint: str, variants: tuple[Variant, ...]) -> None:
        wanted = [
            {
                "VariantName": variant.name,
                "DesiredWeight": variant.weight,
                **({} if variant.instances is None else {"DesiredInstanceCount": variant.instances}),
            }
            for variant in variants
        ]
        with _answering(f"the endpoint {endpoint!r}"):
            status = self._describe(endpoint)["EndpointStatus"]
            if status != "InService":
                raise Conflict(f"the endpoint {endpoint!r} is {status} there", hint="wait until it is InService")
            self._client.update_endpoint_weights_and_capacities(
                EndpointName=endpoint, DesiredWeightsAndCapacities=wanted
            )

    def _describe(self, name: str) -> dict[str, Any]:
        return self._client.describe_endpoint(EndpointName=name)

    def _tags(self, arn: str) -> dict[str, str]:
        tags: dict[str, str] = {}
        for page in self._client.get_paginator("list_tags").paginate(ResourceArn=arn):
            tags |= {tag["Key"]: tag["Value"] for tag in page["Tags"]}
        return tags


def _endpoint(described: dict[str, Any], tags: dict[str, str]) -> AttachedEndpoint:
    status = described["EndpointStatus"]
    return AttachedEndpoint(
        name=described["EndpointName"],
        variants=tuple(
            Variant(
                name=variant["VariantName"],
                # Current, not desired: what serves now. They are the same once the endpoint is InService.
                weight=float(variant.get("CurrentWeight", 0.0)),
                instances=variant.get("CurrentInstanceCount"),
            )
            for variant in described.get("ProductionVariants", ())
        ),
        state="ready" if status == "InService" else "failed" if "Failed" in status else "updating",
        tags=tags,
        changed_at=described["LastModifiedTime"],
        problem=described.get("FailureReason"),
    )


@contextmanager
def _answering(what: str) -> Generator[None]:
    """AWS' errors as ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        message = error.response.get("Error", {}).get("Message", "")[:300]
        if "Could not find" in message:
            raise NotFound(f"SageMaker knows no such thing: {message}") from error
        if code in _DENIED:
            raise Forbidden(
                f"SageMaker refused {what}: {code}", hint="see the permissions of these credentials"
            ) from error
        if "Validation" in code:
            raise InvalidInput(f"SageMaker refused {what}: {message}") from error
        raise Unavailable(f"SageMaker did not answer for {what}: {code}") from error
    except BotoCoreError as error:
        raise Unavailable(f"SageMaker cannot be reached for {what}: {type(error).__name__}") from error
