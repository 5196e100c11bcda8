"""The v1 operations, and the routes that they make."""

from __future__ import annotations

from starlette.routing import Route

from portevoix.api.guard import Guard
from portevoix.api.v1.audios import AUDIOS, RENAME
from portevoix.api.v1.me import ME
from portevoix.api.v1.messages import CANCEL, DEPOSIT, TTS
from portevoix.api.v1.operation import Endpoint, Operation

OPERATIONS: tuple[Operation, ...] = (ME, AUDIOS, RENAME, TTS, DEPOSIT, CANCEL)


def routes(guard: Guard) -> list[Route]:
    """Make the routes of the v1 API; a path whose key was left empty is told that it lacks one."""
    made = []
    for operation in OPERATIONS:
        for path in operation.paths:
            endpoint = Endpoint(operation, path, guard)
            places = dict.fromkeys((path, path.removesuffix("{apiKey}")))
            made += [Route(place, endpoint, methods=[operation.method]) for place in places]
    return made
