"""A bare ASGI application on granian, set up as ``portevoix serve`` does it: ``python -m bench.hello PORT``."""

from __future__ import annotations

import sys

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer
from starlette.types import Receive, Scope, Send

BODY = b"hello"
HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer any request with the same five bytes."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def server(port: int) -> MPServer:
    """Make the server, set up as Portevoix sets up its own; ``http_me`` holds the two against each other.

    Args:
        port: to listen on.
    """
    return MPServer(
        "bench.hello:answer",
        address="127.0.0.1",
        port=port,
        workers=1,
        interface=Interfaces.ASGI,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    )


if __name__ == "__main__":
    server(int(sys.argv[1])).serve()
