"""The v2 operations in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from portevoix.api.schema import IDEMPOTENCY_KEY, REPLAYED, Described, Schema, Schemas, headers
from portevoix.api.v2 import problems
from portevoix.api.v2.operation import Media, Operation
from portevoix.api.v2.problems import Problem, row_of
from portevoix.domain import errors
from portevoix.web.body import BodyTooLarge

#: What any operation can end with.
EVERYWHERE: tuple[type[errors.DomainError], ...] = (
    errors.KeyMissing,
    errors.KeyUnknown,
    errors.AccountDisabled,
    errors.AccountBlocked,
    errors.ScopeRefused,
    errors.AddressRefused,
    errors.RateLimited,
    errors.Unavailable,
)

_BINARY: Schema = {"type": "string", "format": "binary"}
_TEXT: Schema = {"type": "string"}


def shapes(operations: Iterable[Operation]) -> list[type[Struct]]:
    """List the shapes that the operations read and write."""
    used = [(operation.answer, operation.body, *_form_shape(operation)) for operation in operations]
    return [Problem, *(shape for shapes in used for shape in shapes if isinstance(shape, type))]


def _form_shape(operation: Operation) -> tuple[type[Struct], ...]:
    return (operation.upload.shape,) if operation.upload is not None and operation.upload.shape is not None else ()


def describe(operations: Iterable[Operation], schemas: Schemas) -> Iterator[Described]:
    """Describe the operations."""
    for operation in operations:
        described: Schema = {
            "operationId": operation.name,
            "tags": ["v2"],
            "summary": operation.summary,
            "description": operation.description,
            "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_header_parameters(operation)],
            "security": [{"bearer": []}],
            "responses": _responses(operation, schemas),
        }
        if operation.body is not None:
            described["requestBody"] = {"required": True, "content": _body(operation, schemas)}
        yield operation.path, operation.method, described


def _path_parameters(operation: Operation) -> list[Schema]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    return [
        {"name": name, "in": "path", "required": True, "description": "Names it.", "schema": {"type": "string"}}
        for name in names
    ]


def _query_parameters(operation: Operation) -> list[Schema]:
    if operation.query is None:
        return []
    fields = msgspec.json.schema(operation.query)["$defs"][operation.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "description": field.pop("description", ""), "schema": field}
        for name, field in fields.items()
    ]


def _header_parameters(operation: Operation) -> list[Schema]:
    described = [{"in": "header", **parameter} for parameter in operation.headers]
    if operation.method == "POST":
        described.append(IDEMPOTENCY_KEY)
    return described


def _body(operation: Operation, schemas: Schemas) -> Schema:
    assert operation.body is not None, "described where there is one"
    content: Schema = {"application/json": {"schema": schemas[operation.body]}}
    if operation.upload is not None:
        form, beside = operation.upload, _TEXT
        described: Schema = {"type": "object", "required": ["file"]}
        content["multipart/form-data"] = {"schema": described}
        if form.shape is not None:
            beside = schemas[form.shape]
            described["required"] = ["file", form.field]
            content["multipart/form-data"]["encoding"] = {form.field: {"contentType": "application/json"}}
        described["properties"] = {
            "file": {**_BINARY, "contentMediaType": form.file_type},
            form.field: beside,
        }
    return content


def _responses(operation: Operation, schemas: Schemas) -> Schema:
    success: Schema = {"description": "The answer.", "headers": headers(retry=False)}
    if operation.method == "POST":
        success["headers"]["Idempotent-Replayed"] = REPLAYED
    content = _media(operation.also)
    if isinstance(operation.answer, Media):
        content |= _media(operation.answer)
    elif operation.answer is not None:
        content = {"application/json": {"schema": schemas[operation.answer]}, **content}
    if content:
        success["content"] = content
    responses: Schema = {str(operation.status): success}
    if isinstance(operation.answer, Media) and operation.answer.is_ranged:
        responses |= {
            "206": {**success, "description": "The part that was asked for."},
            "304": {"description": "The client has it already."},
        }
    taken = (errors.InvalidValue, BodyTooLarge) if operation.body is not None else ()
    asked = (errors.InvalidValue,) if operation.query is not None else ()
    named = (errors.InvalidValue, errors.IdempotencyConflict) if operation.method == "POST" else ()
    for error in (*EVERYWHERE, *taken, *asked, *named, *operation.refusals):
        row = row_of(error)
        told = f"`{error.code}` {row.title}"
        described = responses.setdefault(str(row.status), _refused(row.status, schemas))
        if told not in described["description"]:
            described["description"] = "; ".join(filter(None, (described["description"], told)))
    responses["500"] = _refused(500, schemas) | {"description": problems.DEFECT.title}
    return dict(sorted(responses.items()))


def _media(media: Media | None) -> Schema:
    return {} if media is None else {media.content_type: {"schema": _TEXT if media.is_text else _BINARY}}


def _refused(status: int, schemas: Schemas) -> Schema:
    content = {problems.CONTENT_TYPE.decode(): {"schema": schemas[Problem]}}
    return {"description": "", "headers": headers(retry=status in (429, 503)), "content": content}
