"""The OpenAPI 3.1 description, made from the operations' own declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from portevoix import __version__
from portevoix.api.v1 import refusals
from portevoix.api.v1.operation import Operation
from portevoix.api.v1.refusals import ROWS, Row
from portevoix.api.v1.wire import Refusal
from portevoix.domain import errors
from portevoix.domain.limit import Limit

Schema = dict[str, Any]

#: What any operation can end with.
EVERYWHERE: tuple[type[errors.DomainError], ...] = (
    errors.InvalidValue,
    errors.KeyMissing,
    errors.KeyUnknown,
    errors.AccountDisabled,
    errors.AccountBlocked,
    errors.ScopeRefused,
    errors.AddressRefused,
    errors.RateLimited,
    errors.Unavailable,
)

_FORMAT: Schema = {
    "name": "_format",
    "in": "query",
    "description": "The format of the answer.",
    "schema": {"type": "string", "enum": ["json", "xml"], "default": "json"},
}
_KEY: Schema = {
    "name": "apiKey",
    "description": "An API key: `pv_live_…`, or `pv_test_…` for the sandbox.",
    "schema": {"type": "string", "minLength": 1},
}


def openapi(operations: Iterable[Operation], allowed: Mapping[str, Limit | None]) -> Schema:
    """Describe the API.

    Args:
        operations: what it offers.
        allowed: the limits in force, by name.
    """
    operations = tuple(operations)
    schemas, components = msgspec.json.schema_components(
        [Refusal, *(operation.answer for operation in operations)], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Schema] = {}
    for operation, schema in zip(operations, schemas[1:], strict=True):
        for path in operation.paths:
            described = _describe(operation, path, schema, schemas[0], allowed[operation.limit])
            paths.setdefault(path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Portevoix",
            "version": __version__,
            "description": "Prepaid voice messaging, wire-compatible with Voice Partner v1.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The API key as a bearer token.",
                },
                "query": {"type": "apiKey", "in": "query", "name": "apiKey"},
            },
        },
    }


def _describe(operation: Operation, path: str, answer: Schema, refusal: Schema, limit: Limit | None) -> Schema:
    in_path = "{apiKey}" in path
    key = {**_KEY, "in": "path", "required": True}
    limited = f" At most {limit} for each account." if limit else ""
    responses = {"200": _response("The answer.", answer, headers=_headers(retry=False))}
    for status, rows in _by_status(operation).items():
        told = "; ".join(f"`{row.code}` {row.message}" for row in rows)
        headers = _headers(retry=status in (429, 503))
        responses[str(status)] = _response(told, refusal, headers, [row.body() for row in rows])
    return {
        "operationId": operation.name if in_path else f"{operation.name}_by_header_or_query",
        "summary": operation.summary,
        "description": operation.description + limited,
        "parameters": [key, _FORMAT] if in_path else [_FORMAT],
        "security": [] if in_path else [{"bearer": []}, {"query": []}],
        "responses": responses,
    }


def _by_status(operation: Operation) -> dict[int, list[Row]]:
    by_status: dict[int, list[Row]] = {}
    for error in (*EVERYWHERE, *operation.refusals):
        by_status.setdefault(ROWS[error].status, []).append(ROWS[error])
    by_status[refusals.DEFECT.status] = [refusals.DEFECT]
    return dict(sorted(by_status.items()))


def _response(told: str, schema: Schema, headers: Schema, examples: Iterable[msgspec.Struct] = ()) -> Schema:
    json: Schema = {"schema": schema}
    shown = {str(example.code): {"value": msgspec.to_builtins(example)} for example in examples}  # type: ignore[attr-defined]
    if shown:
        json["examples"] = shown
    return {
        "description": told,
        "headers": headers,
        "content": {"application/json": json, "application/xml": {}},
    }


def _headers(*, retry: bool) -> Schema:
    whole = {"type": "integer", "minimum": 0}
    headers = {
        "X-RateLimit-Limit": {"description": "Requests a period.", "schema": whole},
        "X-RateLimit-Remaining": {"description": "Requests left now.", "schema": whole},
        "X-RateLimit-Reset": {"description": "Unix time when the allowance is whole again.", "schema": whole},
    }
    if retry:
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": whole}
    return headers
