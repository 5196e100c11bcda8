"""Schemathesis asks a real server whatever the API's own description allows, and what it does not."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth

from tests.parts import Server

Cases = st.SearchStrategy[Case]

bounded = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def cases(server: Server, paths: str) -> Cases:
    """Requests of the operations whose paths begin so, right and wrong ones."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations = [operation.ok() for operation in schema.get_all_operations()]
    asked = [operation for operation in operations if operation.path.startswith(paths)]
    assert {"/v1/me", "/v1/me/{apiKey}"} <= {operation.path for operation in asked}
    return st.one_of(operation.as_strategy(generation_mode=mode) for operation in asked for mode in GenerationMode)


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    opened = server.run("account", "create", "Mairie", "--credit", "19", "--json")
    secret: str = opened["live_key"]
    return secret


def test_whatever_is_asked_the_answer_fits_its_description(server: Server) -> None:
    @bounded
    @given(cases(server, "/"))
    def ask(case: Case) -> None:
        case.call_and_validate()

    ask()


def test_whatever_is_asked_of_the_credit_with_a_right_key_the_answer_fits_its_description(
    server: Server, key: str
) -> None:
    found: set[int] = set()

    @bounded
    @given(cases(server, "/v1/me"))
    def ask(case: Case) -> None:
        if "{apiKey}" in case.operation.path:
            case.path_parameters["apiKey"] = key
        else:
            case.query["apiKey"] = key
        found.add(case.call_and_validate(excluded_checks=[ignored_auth]).status_code)

    ask()
    assert found == {200, 400}
