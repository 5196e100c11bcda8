"""Schemathesis asks a real server whatever the API's own description allows, and what it does not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portevoix.api.v1.routes import OPERATIONS as V1
from portevoix.api.v2.routes import OPERATIONS as V2
from portevoix.settings import PREFIX, SETTINGS
from tests.parts import Server, new_folder
from tests.wire.sound import bearer, tone, wav_file

Cases = st.SearchStrategy[Case]

#: Of each operation, with a right key.
EXAMPLES = 20
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

bounded = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
keyed = settings(bounded, max_examples=EXAMPLES, phases=[Phase.generate])


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


# All operations, with right keys, on things that there are


@dataclass
class World:
    """A server whose limits are lifted, with accounts on it.

    Args:
        schema: what it says of itself.
        live, sandbox: keys of one account.
        stranger: a sandbox key of another.
    """

    server: Server
    schema: Any
    live: str
    sandbox: str
    stranger: str

    def things(self) -> dict[str, str]:
        """Begin anew, and make one of each thing in the sandbox that a path can name; returns their names."""
        with httpx2.Client(base_url=self.server.url, headers=bearer(self.sandbox), timeout=60, trust_env=False) as http:
            http.post("/v2/sandbox/reset")
            sound = {"name": "annonce", "content": base64.b64encode(wav_file(tone())).decode()}
            token = http.post("/v2/audio", json=sound).json()["token"]
            order = {"to": ["0639980000"], "audio": token, "notify_url": NOBODY}
            done = http.post("/v2/messages", json=order).json()["id"]
            while http.get(f"/v2/messages/{done}").json()["open"]:
                pass
            waiting = http.post("/v2/messages", json={"to": ["0639980000"], "text": "un", "at": _soon()}).json()["id"]
            return {
                "token": http.post("/v2/audio", json=sound).json()["token"],
                "webhook": http.get("/v2/webhooks").json()["items"][0]["id"],
                "entry": http.get("/v2/sandbox/inbox").json()["items"][0]["id"],
                "message": waiting,
                "campaignId": waiting,
                "call": f"{done}-1",
            }


class Bearer(AuthBase):
    """Puts a key into a request at the last moment: what was put there before, a wrong case is made without."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, request: Any) -> Any:
        request.headers.update(bearer(self.key))
        return request


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).isoformat()


#: Where nothing may be sent, nor is.
NOBODY = "http://127.0.0.1:9/hook"

#: What calls of a trunk alone have.
NOT_OF_A_SANDBOX = {"/v2/calls/{call}/recording"}

#: 50 and 52 are answered with an error on purpose.
numbers = st.integers(0, 9_999).filter(lambda tail: tail % 100 not in (50, 52)).map(lambda tail: f"06 39 98 {tail:04}")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    lifted = {f"{PREFIX}{name.upper()}": "off" for name in SETTINGS if name.startswith("limit_")}
    fast = {"SIMULATOR_SPEED": "max", "CALLS_PER_SECOND": "1000000", "ACCOUNT_CALLS_PER_SECOND": "1000000"}
    environment = lifted | {f"{PREFIX}{name}": value for name, value in fast.items()}
    with new_folder("fuzzed") as folder, Server(folder, environment) as server:
        ours, theirs = (
            server.run("account", "create", name, "--credit", "1000", "--json") for name in ("Ours", "Theirs")
        )
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        yield World(server, schema, ours["live_key"], ours["test_key"], theirs["test_key"])
        assert [line for line in server.log().splitlines() if "request_failed" in line or "_failed" in line] == []
        assert server.run("ledger", "check", "--json") == []


ASKED = [(path, operation.method, 200) for operation in V1 for path in operation.paths] + [
    (operation.path, operation.method, operation.status) for operation in V2 if operation.name != "events"
]


@st.composite
def taming(draw: st.DrawFn) -> dict[str, Any]:
    """Draw right values for the fields that operations take."""
    to = draw(st.lists(numbers, min_size=1, max_size=5))
    return {
        "to": to,
        "phoneNumbers": draw(st.sampled_from([to, ",".join(to)])),
        "text": draw(st.one_of(st.just("Bonjour, un, deux."), st.text(min_size=1, max_size=60))),
        "lang": draw(st.sampled_from(["fr", "en", "fr-FR", None])) or "fr",
        "at": draw(st.sampled_from([None, _soon()])),
        "seconds": draw(st.integers(1, 100_000)),
        "name": draw(st.text("abcdefé ", min_size=3, max_size=20)) + "xyz",
        "filename": "un autre nom",
        "content": base64.b64encode(wav_file(tone(draw(st.sampled_from([0.2, 1.0]))))).decode(),
        "key": draw(st.sampled_from([None, None, "repeated"])),
    }


def tame(case: Case, right: dict[str, Any], token: str) -> None:
    """Put right values into a request's body."""
    path = case.operation.path
    fields = {
        "/v2/quotes": ("to", "text", "lang", "at"),
        "/v2/messages": ("to", "text", "lang", "at"),
        "/v2/audio": ("name", "content"),
        "/v2/audio/{token}": ("name",),
        "/v2/speech": ("text", "lang"),
        "/v2/sandbox/advance": ("seconds",),
        "/v1/tts/send": ("phoneNumbers", "text", "lang"),
        "/v1/campaign/send": ("phoneNumbers",),
        "/v1/audio-file/rename": ("filename",),
    }.get(path)
    if fields is None or case.method not in ("POST", "PATCH"):
        return
    body = {name: right[name] for name in fields} | ({"tokenAudio": token} if path.startswith("/v1") else {})
    if path == "/v1/tts/send":
        del body["tokenAudio"]
    if case.media_type != "multipart/form-data":
        case.body = body
    elif path != "/v2/audio":
        file = "number\n" + "\n".join(right["to"])
        case.body = {"file": file.encode(), "order": json.dumps({name: body[name] for name in fields if name != "to"})}
    else:
        case.body = {"file": base64.b64decode(right["content"]), "name": right["name"]}


def point(case: Case, things: dict[str, str], *, own: bool) -> None:
    """Put the names of things that there are into a request, and take out of it what would be another key."""
    for name in case.path_parameters:
        if own or name == "apiKey":
            case.path_parameters[name] = things[name]
    case.query.pop("apiKey", None)
    if isinstance(case.body, dict):
        case.body.pop("apiKey", None)
        for name in ("notify_url", "notifyUrl"):
            if case.body.get(name):
                case.body[name] = NOBODY


@pytest.mark.parametrize(("path", "method", "status"), ASKED, ids=[f"{method} {path}" for path, method, _ in ASKED])
def test_whatever_is_asked_with_a_right_key_no_answer_is_a_server_error_and_each_fits_its_description(
    world: World, path: str, method: str, status: int
) -> None:
    described = world.schema[path][method]
    made = world.things()
    things = {key: made | {"apiKey": key} for key in (world.live, world.sandbox, world.stranger)}
    found: list[int] = []

    @keyed
    @given(
        st.one_of(described.as_strategy(generation_mode=mode) for mode in GenerationMode),
        st.sampled_from([world.sandbox, world.sandbox, world.live, world.stranger]),
        st.sampled_from([True, True, False]),
        taming(),
    )
    def ask(case: Case, key: str, is_tame: bool, right: dict[str, Any]) -> None:
        if is_tame:
            tame(case, right, things[key]["token"])
            case.query = {}
            if right["key"] is not None:
                case.headers["Idempotency-Key"] = f"{path}-{right['key']}"
        point(case, things[key], own=is_tame or right["key"] is None)
        answer = case.call(auth=Bearer(key), timeout=60)
        found.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)
        if key != world.sandbox and set(case.path_parameters) - {"apiKey"}:
            assert answer.status_code >= 400, "it belongs to somebody else"

    ask()
    assert len(found) > EXAMPLES / 2
    assert status in found or path in NOT_OF_A_SANDBOX
    assert 401 not in found


def test_whatever_is_asked_of_the_events_the_stream_begins_or_is_refused(world: World) -> None:
    """Its answer has no end, so that only its beginning is read."""
    described = world.schema["/v2/events"]["GET"]
    found: set[int] = set()

    @keyed
    @given(st.one_of(described.as_strategy(generation_mode=mode) for mode in GenerationMode), st.integers(0, 99))
    def ask(case: Case, after: int) -> None:
        query = dict(case.query) | ({"after": str(after)} if after % 2 else {})
        headers = bearer(world.sandbox)
        with httpx2.stream(
            "GET", f"{world.server.url}/v2/events", params=query, headers=headers, trust_env=False
        ) as told:
            found.add(told.status_code)
            expected = "text/event-stream" if told.status_code == 200 else "application/problem+json"
            assert told.headers["content-type"] == expected
            assert next(told.iter_raw())

    ask()
    assert found == {200, 400}
