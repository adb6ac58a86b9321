"""The HTTP end of a witness (c2sp.org/tlog-witness): one address, plain text, the protocol's own status codes."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from audit.witness import ForkSeen, OtherSize, Witness
from foundation.body_limit import BodyLimit
from foundation.errors import InvalidInput, VigiaError
from foundation.outside_text import OutsideText, Redact, unredacted

_MOST_BYTES = 64 * 1024


def witness_app(witness: Witness, redact: Redact = unredacted) -> FastAPI:
    """`redact`: for what refusals repeat of a request."""
    outside = OutsideText(redact)
    app = FastAPI(title="Vigía audit witness", openapi_url=None)
    app.add_middleware(BodyLimit, limit=_MOST_BYTES)

    @app.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        text = await request.body()
        try:
            # In this thread: one small file and one signature, and requests must not overtake one another.
            return Response(witness.add_checkpoint(text.decode()), media_type="text/plain")
        except OtherSize as error:
            return Response(f"{error.size}\n", status_code=409, media_type="text/x.tlog.size")
        except UnicodeDecodeError:
            return Response("not UTF-8\n", status_code=400, media_type="text/plain")
        except VigiaError as error:
            status = 400 if isinstance(error, InvalidInput) and not isinstance(error, ForkSeen) else error.http_status
            return Response(f"{outside.text(error.message)}\n", status_code=status, media_type="text/plain")

    return app
