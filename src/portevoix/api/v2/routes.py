"""The v2 operations, and the routes that they make."""

from __future__ import annotations

from starlette.routing import Route

from portevoix.api.guard import Guard
from portevoix.api.v2.audio import AUDIO_OPERATIONS
from portevoix.api.v2.calls import CALL_OPERATIONS
from portevoix.api.v2.credit import CREDIT_OPERATIONS
from portevoix.api.v2.events import EVENT_OPERATIONS
from portevoix.api.v2.messages import MESSAGE_OPERATIONS
from portevoix.api.v2.operation import Endpoint, Operation
from portevoix.api.v2.sandbox import SANDBOX_OPERATIONS
from portevoix.api.v2.speech import SPEECH_OPERATIONS
from portevoix.api.v2.webhooks import WEBHOOK_OPERATIONS

OPERATIONS: tuple[Operation, ...] = (
    *MESSAGE_OPERATIONS,
    *CALL_OPERATIONS,
    *AUDIO_OPERATIONS,
    *SPEECH_OPERATIONS,
    *CREDIT_OPERATIONS,
    *EVENT_OPERATIONS,
    *WEBHOOK_OPERATIONS,
    *SANDBOX_OPERATIONS,
)


def routes(guard: Guard) -> list[Route]:
    """Make the routes of the v2 API."""
    return [Route(item.path, Endpoint(item, guard), methods=[item.method]) for item in OPERATIONS]
