"""The v2 operations, and the routes that they make."""

from __future__ import annotations

from starlette.routing import Route

from portevoix.api.guard import Guard
from portevoix.api.v2.audio import AUDIO_OPERATIONS
from portevoix.api.v2.operation import Endpoint, Operation
from portevoix.api.v2.speech import SPEECH_OPERATIONS

OPERATIONS: tuple[Operation, ...] = (*AUDIO_OPERATIONS, *SPEECH_OPERATIONS)


def routes(guard: Guard) -> list[Route]:
    """Make the routes of the v2 API."""
    return [Route(item.path, Endpoint(item, guard), methods=[item.method]) for item in OPERATIONS]
