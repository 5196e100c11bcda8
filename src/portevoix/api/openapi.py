"""The OpenAPI 3.1 description, made from the operations' own declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from portevoix import __version__
from portevoix.api.schema import Schema, Schemas
from portevoix.api.v1 import describe as v1
from portevoix.api.v1.operation import Operation as V1Operation
from portevoix.api.v2 import describe as v2
from portevoix.api.v2.operation import Operation as V2Operation
from portevoix.domain.limit import Limit


def openapi(
    v1_operations: Sequence[V1Operation], v2_operations: Sequence[V2Operation], allowed: Mapping[str, Limit | None]
) -> Schema:
    """Describe the API.

    Args:
        v1_operations: those of the Voice Partner contract.
        v2_operations: those of the modern door.
        allowed: the limits in force, by name.
    """
    shapes = [*v1.shapes(v1_operations), *v2.shapes(v2_operations)]
    schemas, components = _schemas(shapes)
    paths: dict[str, Schema] = {}
    for path, method, described in (
        *v1.describe(v1_operations, schemas, allowed),
        *v2.describe(v2_operations, schemas),
    ):
        paths.setdefault(path, {})[method.lower()] = described
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
                "bearer": {"type": "http", "scheme": "bearer", "description": "The API key as a bearer token."},
                "query": {"type": "apiKey", "in": "query", "name": "apiKey"},
            },
        },
    }


def _schemas(shapes: Iterable[type[Struct]]) -> tuple[Schemas, Schema]:
    types = list(dict.fromkeys(shapes))
    made, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, made, strict=True)), _with_numbers(components)


def _with_numbers(schema: Any) -> Any:  # noqa: ANN401 - any part of it
    """Describe decimals as they are written: as numbers, where msgspec takes them for texts."""
    if isinstance(schema, list):
        return [_with_numbers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {**{name: part for name, part in schema.items() if name != "format"}, "type": "number"}
    return {name: _with_numbers(part) for name, part in schema.items()}
