"""MLflow's client: imported late, impatient, silent about itself, and with errors that are ours."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from foundation.errors import InvalidInput, Unavailable
from platform_core.attached.feast.importing import feast_imports

# Read by MLflow when it is imported or called. An operator's own setting counts.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_PAGE = 200


class MlflowCalls:
    """Calls of one tracking store. `address` is its URI without a password."""

    def __init__(self, uri: str) -> None:
        """Raises InvalidInput for a URI that is none, and when the client is not installed."""
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            with feast_imports():  # MLflow loads Feast's plug-in where that is installed
                from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise InvalidInput("MLflow's client is not installed", hint="install the extra `mlflow`") from error
        if not uri.startswith(("http://", "https://", "sqlite:///", "postgresql")):
            raise InvalidInput(f"{uri!r} is no tracking URI", hint="http://host:5000 or sqlite:////path/mlflow.db")
        self._uri = uri
        self._client = MlflowClient
        self.address = _without_password(uri)

    @contextmanager
    def client(self) -> Generator[Any]:
        """Raises Unavailable for whatever goes wrong inside."""
        import requests
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with warnings.catch_warnings(), feast_imports():
                warnings.simplefilter("ignore")  # of what MLflow itself uses and should not
                yield self._client(tracking_uri=self._uri, registry_uri=self._uri)
        except (MlflowException, SQLAlchemyError, requests.RequestException, OSError) as error:
            raise Unavailable(
                f"MLflow at {self.address} {_what(error)}", hint="check VIGIA__MODELS__MLFLOW__TRACKING_URI"
            ) from error

    def artifacts(self, model: str) -> str | None:
        """Where files of a local store go: beside its database. None leaves it to the server."""
        if not self._uri.startswith("sqlite:///"):
            return None
        path = Path(self._uri.removeprefix("sqlite:///")).absolute()
        return (path.parent / f"{path.stem}-artifacts" / model).as_uri()

    def pages(self, search: Callable[..., Any], **arguments: Any) -> Iterator[Any]:
        token: str | None = None
        while True:
            found = search(max_results=_PAGE, page_token=token, **arguments)
            yield from found
            token = found.token
            if not token:
                return

    def or_none(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What `call` gives, or None for what is not there."""
        return self._unless(("RESOURCE_DOES_NOT_EXIST",), call, *arguments)

    def unless_there(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._unless(("RESOURCE_ALREADY_EXISTS",), call, *arguments)

    def _unless(self, codes: tuple[str, ...], call: Callable[..., Any], *arguments: Any) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return call(*arguments)
        except MlflowException as error:
            if error.error_code in codes:
                return None
            raise


def _what(error: BaseException) -> str:
    """In one line. What a request says of itself holds the address it went to, password and all."""
    import requests

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.ConnectionError | requests.Timeout):
            return "cannot be reached"
        cause = cause.__cause__ or cause.__context__
    first = str(error).strip().partition("\n")[0]
    return f"did not do it: {re.sub('//[^/@ ]*@', '//', first)[:300]}"


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
