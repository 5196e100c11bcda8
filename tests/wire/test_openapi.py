"""The description of the API: valid, true, and readable at /docs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from ipaddress import ip_network
from typing import Any

import httpx2
import msgspec
import psycopg
import pytest
import schemathesis

from portevoix.api.v1.wire import Refusal
from portevoix.domain.account import KeyTerms, Scope, State
from portevoix.domain.ids import AccountRef
from portevoix.ports import House
from portevoix.service import accounts
from portevoix.service.accounts import open_account
from portevoix.service.keys import create_key
from tests.conftest import Serve

Document = dict[str, Any]
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture
async def document(serve: Serve) -> Document:
    async with serve() as http:
        answer = await http.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: Document = answer.json()
    return found


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """The operations of /v1/me; the others have tests of their own."""
    for path, methods in document["paths"].items():
        if not path.startswith("/v1/me"):
            continue
        for method, operation in methods.items():
            assert method in METHODS
            yield path, method, operation


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


async def test_the_description_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


async def test_a_description_that_is_not_valid_would_be_found(document: Document) -> None:
    del document["info"]["title"]
    with pytest.raises(ValueError, match="title"):
        schemathesis.openapi.from_dict(document).validate()


async def test_every_reference_leads_somewhere_and_every_schema_is_used(document: Document) -> None:
    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) == named


async def test_every_operation_has_an_id_of_its_own_and_the_parameters_of_its_path(document: Document) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) > 0
    for path, _, operation in operations(document):
        in_path = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        for scheme in operation["security"]:
            assert set(scheme) <= set(document["components"]["securitySchemes"])


async def test_every_documented_path_answers_and_no_other_path_of_v1_does(document: Document, serve: Serve) -> None:
    async with serve() as http:
        for path, method, _ in operations(document):
            answer = await http.request(method, path.replace("{apiKey}", "some-key"))
            assert answer.status_code == 401
        for path in ("/v1/audios", "/v1/tts/send", "/v1/campaign/send", "/v1/audio-file/rename"):
            assert (path in document["paths"]) == ((await http.get(path)).status_code != 404)


async def test_every_documented_status_occurs_with_a_documented_body(
    document: Document, house: House, serve: Serve, url: str
) -> None:
    account = await open_account(house, "Mairie", credit_micros=19_000_000)
    other = await open_account(house, "École")
    ref = AccountRef(account.account)
    elsewhere = await create_key(house, ref, KeyTerms("elsewhere", allowed=(ip_network("192.0.2.0/24"),)))
    send_only = await create_key(house, ref, KeyTerms("send only", scopes=frozenset({Scope.SEND})))
    answers: list[httpx2.Response] = []
    async with serve() as http:

        async def ask(key: str, query: str = "") -> None:
            answers.append(await http.get(f"/v1/me/{key}{query}"))
            assert answers[-1].status_code != 404

        answers.append(await http.get("/v1/me"))
        for key in ("wrong", account.live_key, elsewhere.secret, send_only.secret):
            await ask(key)
        await ask(account.test_key, "?_format=yaml")
        for state in (State.DISABLED, State.BLOCKED):
            await accounts.change_state(house, AccountRef(other.account), state)
            await ask(other.live_key)
        assert [answer.status_code for answer in answers] == [401, 401, 200, 403, 403, 400, 403, 403]
        for _ in range(6):
            await ask(account.live_key)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER TABLE api_key RENAME TO api_key_away")
            await ask(account.test_key)
            connection.execute("ALTER TABLE api_key_away RENAME TO api_key")
            name = connection.info.dbname
            with psycopg.connect(url, dbname="postgres", autocommit=True) as other:
                other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await ask(account.test_key)
    occurred = {(answer.status_code, answer.json().get("code")) for answer in answers}
    for path, _, operation in operations(document):
        documented = {
            (int(status), shown["value"]["code"])
            for status, response in operation["responses"].items()
            for shown in response["content"]["application/json"]
            .get("examples", {"": {"value": {"code": None}}})
            .values()
        }
        assert documented == occurred, path


async def test_the_examples_of_refusals_are_refusals_as_they_are_told(document: Document) -> None:
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            for code, shown in response["content"]["application/json"].get("examples", {}).items():
                refusal = msgspec.convert(shown["value"], Refusal)
                assert (str(refusal.code), refusal.success) == (code, False)
                assert f"`{code}` {refusal.message}" in response["description"]
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))


async def test_the_description_tells_the_limits_in_force(serve: Serve) -> None:
    for limit, told in (("7/hour", True), ("off", False)):
        async with serve(limit_me=limit) as http:
            for _, _, operation in operations((await http.get("/openapi.json")).json()):
                assert ("7/hour" in operation["description"]) == told


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.text += " " if tag in ("td", "th") else ""
        self.opened.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_holds_every_operation_its_parameters_and_its_answers(document: Document, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(answer.text)
    ids = {attributes["id"] for _, attributes in page.opened if "id" in attributes}
    words = " ".join(page.text.split())
    for path, method, operation in operations(document):
        assert operation["operationId"] in ids
        assert f"{method.upper()} {path}" in words
        for parameter in operation["parameters"]:
            assert parameter["name"] in words
        for status, response in operation["responses"].items():
            assert f"{status} {response['description'].replace('`', '')}" in words


async def test_the_page_runs_no_script_and_loads_nothing_from_elsewhere(serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get("/docs")
        page = Page(answer.text)
        (style,) = [attributes["href"] for tag, attributes in page.opened if tag == "link"]
        assert style is not None
        styled = await http.get(style)
    policy = answer.headers["content-security-policy"]
    rules = (
        "default-src 'none'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    assert policy == "; ".join(rules)
    assert answer.headers["referrer-policy"] == "no-referrer", "a page may be linked from with a key in its address"
    assert not {"script", "iframe", "object", "embed", "style", "img"} & {tag for tag, _ in page.opened}
    for tag, attributes in page.opened:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "/").startswith("/")
    assert (styled.status_code, styled.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert styled.text
    assert "url(" not in styled.text
    assert "@import" not in styled.text


@pytest.mark.parametrize("host", ["voix.example.org", '"><script>alert(1)</script>', "x'>"])
async def test_the_commands_to_paste_have_the_readers_own_address_which_cannot_break_out(
    serve: Serve, host: str
) -> None:
    async with serve() as http:
        answer = await http.get("/docs", headers={"Host": host})
    page = Page(answer.text)
    assert f"curl http://{host}/v1/me/YOUR_KEY" in page.text
    assert "script" not in {tag for tag, _ in page.opened}
    assert html.escape(host) == host or host not in answer.text
