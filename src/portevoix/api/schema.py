"""What both descriptions of the API share: responses, headers, and the shapes they point to."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Schema = dict[str, Any]
Schemas = dict[type[Struct], Schema]

#: A described operation: its path, its method, its OpenAPI object.
Described = tuple[str, str, Schema]

_WHOLE: Schema = {"type": "integer", "minimum": 0}

#: A parameter of every POST, and a header of its answer.
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Names this request: repeated under it, it does nothing, and has the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
}
REPLAYED: Schema = {
    "description": "`true` where the request was answered before, under the same Idempotency-Key.",
    "schema": {"type": "string", "enum": ["true"]},
}


def headers(*, retry: bool) -> Schema:
    """Describe the headers that tell a caller's allowance."""
    described: Schema = {
        "X-RateLimit-Limit": {"description": "Requests a period.", "schema": _WHOLE},
        "X-RateLimit-Remaining": {"description": "Requests left now.", "schema": _WHOLE},
        "X-RateLimit-Reset": {"description": "Unix time when the allowance is whole again.", "schema": _WHOLE},
    }
    if retry:
        described["Retry-After"] = {"description": "Seconds to wait.", "schema": _WHOLE}
    return described
