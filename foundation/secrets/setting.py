"""The type of a secret in the settings: given as it is, or by reference and then read whenever it is used."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from foundation.errors import InvalidInput
from foundation.secrets.reference import SecretRef, is_reference, parse_reference
from foundation.secrets.sources import SOURCES, SecretSources


class ReferredSecret(SecretStr):
    """A secret that is elsewhere. Shows its reference, which is no secret; each `get_secret_value` is as fresh as its
    source."""

    def __init__(self, reference: SecretRef, *, minimum: int = 0, sources: SecretSources = SOURCES) -> None:
        super().__init__("")
        self.reference = reference
        self._minimum = minimum
        self._sources = sources

    def get_secret_value(self) -> str:
        """Raises NotFound, InvalidInput, Forbidden, Unavailable."""
        value = self._sources.resolve(self.reference)
        if len(value) < self._minimum:
            raise InvalidInput(f"the secret at {self.reference} has fewer than {self._minimum} characters")
        return value

    def _display(self) -> str:
        return str(self.reference)

    def __len__(self) -> int:
        return len(self.get_secret_value())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReferredSecret) and self.reference == other.reference

    def __hash__(self) -> int:
        return hash(self.reference)


class ByReference:
    """In `Annotated[SecretStr, ByReference()]`. `minimum`: characters that the secret itself must have."""

    def __init__(self, minimum: int = 0) -> None:
        self._minimum = minimum

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._validate,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    def _validate(self, value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, ReferredSecret):
            return value
        if isinstance(value, str) and is_reference(value):
            try:
                return ReferredSecret(parse_reference(value), minimum=self._minimum)
            except InvalidInput as error:
                raise PydanticCustomError("secret_reference", "{told}", {"told": str(error)}) from None
        found = handler(value)
        if len(found) < self._minimum:
            told = {"minimum": self._minimum}
            raise PydanticCustomError("secret_too_short", "a secret here has at least {minimum} characters", told)
        return found


Secret = Annotated[SecretStr, ByReference()]
