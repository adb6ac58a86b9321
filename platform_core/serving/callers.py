"""Which endpoint a caller means, if they may score with it."""

from __future__ import annotations

from foundation.errors import NotFound, Unauthenticated
from platform_core.access.endpoints import EndpointAccess
from platform_core.serving.endpoints import EndpointDirectory, ServedEndpoint


class Callers:
    """`access` None, or with nobody in it while `open_to_all`, lets everybody score: a server on a loopback port, or
    behind something that asks. Otherwise the API key decides, in memory."""

    def __init__(self, access: EndpointAccess | None = None, *, open_to_all: bool = True) -> None:
        self._access = access
        self._open_to_all = open_to_all

    def endpoint(self, name: str, api_key: str | None, endpoints: EndpointDirectory) -> ServedEndpoint:
        """Raises Unauthenticated, Forbidden, and NotFound naming the endpoints that this caller may score with."""
        access = self._access
        served = endpoints.find(name)
        if access is None or (self._open_to_all and not access.configured):
            if served is None:
                raise _unknown(name, sorted(each.name for each in endpoints))
            return served
        if served is not None:
            access.authorize_endpoint(api_key, served.tenant, served.environment)
            return served
        if not access.configured:
            raise Unauthenticated("nobody may score here yet", hint="add a caller: vigia principals add")
        access.may_score(api_key, "", "production")  # a stranger learns no names, not even that there are none
        theirs = [e.name for e in endpoints if access.may_score(api_key, e.tenant, e.environment)]
        raise _unknown(name, sorted(theirs))


def _unknown(name: str, known: list[str]) -> NotFound:
    return NotFound(f"there is no endpoint {name!r}", hint=f"served: {', '.join(known) or 'none yet'}")
