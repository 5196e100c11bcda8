"""The description of /v2: complete, and true of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portevoix.api.v2.describe import EVERYWHERE
from portevoix.api.v2.operation import Media, Operation
from portevoix.api.v2.problems import row_of
from portevoix.api.v2.routes import OPERATIONS
from tests.conftest import Serve
from tests.parts import Server
from tests.wire.sound import bearer, tone, wav_file

Schema = dict[str, Any]

#: Of each operation; of one that takes a token more, so that a right one is among them.
EXAMPLES, EXAMPLES_WITH_TOKEN = 15, 50
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@pytest.fixture
async def description(serve: Serve) -> Schema:
    async with serve() as http:
        answer = await http.get("/openapi.json")
    described: Schema = answer.json()
    return described


def _described(description: Schema, operation: Operation) -> Schema:
    found: Schema = description["paths"][operation.path][operation.method.lower()]
    return found


async def test_every_operation_is_described_and_nothing_else(description: Schema) -> None:
    described = {
        (path, method.upper(), item["operationId"])
        for path, methods in description["paths"].items()
        for method, item in methods.items()
        if path.startswith("/v2")
    }
    assert described == {(operation.path, operation.method, operation.name) for operation in OPERATIONS}


@each_operation
async def test_an_operation_is_described_with_its_statuses(description: Schema, operation: Operation) -> None:
    described = _described(description, operation)
    expected = {operation.status, 500, *(row_of(error).status for error in (*EVERYWHERE, *operation.refusals))}
    if operation.body is not None:
        expected |= {400, 413}
    if operation.query is not None:
        expected |= {400}
    if operation.method == "POST":  # an idempotency key that does not parse, or that was used for another request
        expected |= {400, 409}
    if isinstance(operation.answer, Media) and operation.answer.is_ranged:
        expected |= {206, 304, 416}
    assert set(described["responses"]) == {str(status) for status in expected}
    assert (described["summary"], described["description"]) == (operation.summary, operation.description)
    assert described["security"] == [{"bearer": []}]


@each_operation
async def test_every_refusal_is_described_as_a_problem_with_its_codes(
    description: Schema, operation: Operation
) -> None:
    responses = _described(description, operation)["responses"]
    for status, response in responses.items():
        assert response["description"], status
        if int(status) >= 400:
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, status
            assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(response["headers"])
    for status in ("429", "503"):
        assert "Retry-After" in responses[status]["headers"]
    for error in (*EVERYWHERE, *operation.refusals):
        assert f"`{error.code}`" in responses[str(row_of(error).status)]["description"]


@each_operation
async def test_an_operation_is_described_with_what_it_takes(description: Schema, operation: Operation) -> None:
    described = _described(description, operation)
    parameters = {(each["in"], each["name"]): each for each in described["parameters"]}
    query = [] if operation.query is None else [field.encode_name for field in msgspec.structs.fields(operation.query)]
    in_path = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    headers = [("header", "Idempotency-Key")] if operation.method == "POST" else []
    headers += [("header", "Last-Event-ID")] if operation.name == "events" else []
    assert set(parameters) == {*headers, *(("path", name) for name in in_path), *(("query", name) for name in query)}
    assert all(each["description"] and "schema" in each for each in parameters.values())
    assert all(parameters["path", name]["required"] for name in in_path)
    assert ("requestBody" in described) == (operation.body is not None)
    if operation.body is not None:
        content = described["requestBody"]["content"]
        assert list(content) == ["application/json"] + ["multipart/form-data"] * (operation.upload is not None)
        assert described["requestBody"]["required"]


async def test_every_reference_leads_somewhere(description: Schema) -> None:
    references = set(_references({path: item for path, item in description["paths"].items() if "/v2" in path}))
    components = description["components"]["schemas"]
    assert references
    assert {reference.removeprefix("#/components/schemas/") for reference in references} <= set(components)


@pytest.fixture(scope="module")
def library(server: Server) -> tuple[str, str]:
    """An account on the real server; gives its key and the token of a recording."""
    key = server.run("account", "create", "Fuzzed", "--json")["live_key"]
    return key, _upload(server, key)


@pytest.fixture(scope="module")
def schema(server: Server) -> Any:
    """The description as it is served."""
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


def _upload(server: Server, key: str) -> str:
    files = {"file": ("tone.wav", wav_file(tone()))}
    answer = httpx2.post(f"{server.url}/v2/audio", files=files, headers=bearer(key), trust_env=False, timeout=60)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


#: A stream of events has no end; who reads it to its end waits for ever.
ENDING = [operation for operation in OPERATIONS if operation.path != "/v2/events"]


@pytest.mark.parametrize("operation", ENDING, ids=lambda operation: operation.name)
def test_the_server_answers_as_it_is_described(
    server: Server, schema: Any, library: tuple[str, str], operation: Operation
) -> None:
    """Whatever is asked, no answer is a 5xx, and each has a status, headers and a shape that are described."""
    key, token = library
    if operation.method == "DELETE":
        token = _upload(server, key)
    described = schema[operation.path][operation.method]
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES_WITH_TOKEN if "token" in operation.path else EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described.as_strategy(), own=st.booleans())
    def ask(case: Any, own: bool) -> None:
        if own and "token" in case.path_parameters:
            case.path_parameters["token"] = token
        if own and isinstance(case.body, dict) and "name" in case.body:
            case.body["name"] = f"nom {case.body['name']}"[:50]  # what the description does not say: 3 characters
        answer = case.call(headers=bearer(key), timeout=60)
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask()
    assert len(statuses) > 10
    if "token" in operation.path:
        assert operation.status in statuses
    assert 401 not in statuses


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
