"""The v1 operations in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from portevoix.api.schema import IDEMPOTENCY_KEY, REPLAYED, Described, Schema, Schemas, headers
from portevoix.api.v1 import refusals
from portevoix.api.v1.operation import Operation
from portevoix.api.v1.refusals import ROWS, Row
from portevoix.api.v1.wire import Refusal
from portevoix.domain import errors
from portevoix.domain.limit import Limit

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


def shapes(operations: Iterable[Operation]) -> list[type[Struct]]:
    """List the shapes that the operations read and write."""
    bodies = [operation.body for operation in operations if operation.body is not None]
    return [Refusal, *(operation.answer for operation in operations), *bodies]


def describe(
    operations: Iterable[Operation], schemas: Schemas, allowed: Mapping[str, Limit | None]
) -> Iterator[Described]:
    """Describe the operations, each of their paths apart."""
    for operation in operations:
        for path in operation.paths:
            yield path, operation.method, _operation(operation, path, schemas, allowed[operation.limit])


def _operation(operation: Operation, path: str, schemas: Schemas, limit: Limit | None) -> Schema:
    in_path = "{apiKey}" in path
    limited = f" At most {limit} for each account." if limit else ""
    named = [_in_path(name) for name in re.findall(r"\{(\w+)\}", path)]
    header = [IDEMPOTENCY_KEY] if operation.method == "POST" else []
    described: Schema = {
        "operationId": operation.name
        if in_path or len(operation.paths) == 1
        else f"{operation.name}_by_header_or_query",
        "tags": ["v1"],
        "summary": operation.summary,
        "description": operation.description + limited,
        "parameters": [*named, _FORMAT, *header],
        "security": [] if in_path else [{"bearer": []}, {"query": []}],
        "responses": _responses(operation, schemas),
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[operation.body]}},
        }
    return described


def _in_path(name: str) -> Schema:
    described = (
        _KEY if name == _KEY["name"] else {"name": name, "description": "Names it.", "schema": {"type": "string"}}
    )
    return {**described, "in": "path", "required": True}


def _responses(operation: Operation, schemas: Schemas) -> Schema:
    success = {"application/json": {"schema": schemas[operation.answer]}, "application/xml": {}}
    told = headers(retry=False) | ({"Idempotent-Replayed": REPLAYED} if operation.method == "POST" else {})
    responses: Schema = {"200": {"description": "The answer.", "headers": told, "content": success}}
    for status, rows in _by_status(operation).items():
        named = "; ".join(f"`{row.code}` {row.message}" for row in rows)
        examples = {str(row.code): {"value": msgspec.to_builtins(row.body())} for row in rows}
        content = {"application/json": {"schema": schemas[Refusal], "examples": examples}, "application/xml": {}}
        described = {"description": named, "headers": headers(retry=status in (429, 503)), "content": content}
        responses[str(status)] = described
    return responses


def _by_status(operation: Operation) -> dict[int, list[Row]]:
    by_status: dict[int, list[Row]] = {}
    malformed = (refusals.BodyMalformed,) if operation.body is not None else ()
    repeated = (errors.IdempotencyConflict,) if operation.method == "POST" else ()
    for error in (*EVERYWHERE, *malformed, *repeated, *operation.refusals):
        by_status.setdefault(ROWS[error].status, []).append(ROWS[error])
    by_status[refusals.DEFECT.status] = [refusals.DEFECT]
    return dict(sorted(by_status.items()))
