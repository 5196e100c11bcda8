"""The pages for developers: keys, the webhooks' secret, requests, snippets."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import httpx2
import pytest

from portevoix.console.snippets import PLACEHOLDER, SNIPPETS, snippet
from portevoix.domain.account import ApiKey, KeyTerms, Scope
from portevoix.domain.exchange import Body, NewExchange
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service.accounts import webhook_secret
from portevoix.service.keys import create_key
from tests.conftest import NOT_ON_DEBIAN
from tests.console.conftest import People
from tests.console.visitor import words_of
from tests.parts import BEGINNING, PATIENCE_S, ManualClock, Server

EVIL = """<script>alert(1)</script>"'"""
SECRET = re.compile(r"pv_test_[0-9a-f]{64}")


def place(people: People) -> str:
    return f"{people.place}/developers"


async def keys_of(house: House, people: People) -> Sequence[ApiKey]:
    found = await house.keys.list(people.account.account)
    return [key for key in found if key.account.mode is Mode.SANDBOX]


async def works(http: httpx2.AsyncClient, secret: str) -> bool:
    return (await http.get(f"/v1/me/{secret}")).status_code == 200


async def make(house: House, people: People, name: str = "old") -> tuple[str, str]:
    """Make a key; returns its id and secret."""
    key = await create_key(house, AccountRef(people.account.account, Mode.SANDBOX), KeyTerms(name))
    return key.id, key.secret


async def test_a_key_is_made_as_asked_and_its_secret_is_shown_once(people: People, house: House) -> None:
    answer = await people.manager.post(
        f"{place(people)}/keys", name="CRM", scopes="read", allow="127.0.0.0/8, 2001:db8::1", expires="2026-01-31"
    )
    (secret,) = set(SECRET.findall(answer.text))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert secret not in str(answer.headers)
    assert await works(people.manager.http, secret)
    made = next(key for key in await keys_of(house, people) if key.name == "CRM")
    assert made.scopes == {Scope.READ}
    assert [str(network) for network in made.allowed] == ["127.0.0.0/8", "2001:db8::1/128"]
    assert made.expires_at == datetime(2026, 1, 31, 23, tzinfo=UTC)  # the end of that day in Paris
    page = await people.manager.get(place(people))
    assert "CRM" in page.text
    assert made.hint in page.text
    assert not SECRET.search(page.text)
    newest = (await house.deeds.newest(None, 1))[0]
    assert (newest.action, newest.account, newest.outcome) == (
        "create-key",
        f"{people.account.account}/sandbox",
        "done",
    )
    assert secret not in repr(newest)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": ""}, "A key has a name"),
        ({"scopes": ""}, "Choose what the key may do"),
        ({"scopes": "all"}, "Choose what the key may do"),
        ({"allow": "nowhere"}, "Write addresses or networks"),
        ({"expires": "2026-01-12"}, "The last day must be today or later"),
        ({"expires": "tomorrow"}, "The last day must be today or later"),
    ],
)
async def test_a_key_that_will_not_do_is_refused_and_what_was_typed_kept(
    people: People, house: House, fields: dict[str, str], told: str
) -> None:
    before = len(await keys_of(house, people))
    typed = {"name": EVIL, "scopes": "send", "allow": "192.0.2.7", "expires": "", **fields}
    answer = await people.manager.post(f"{place(people)}/keys", **typed)
    assert (answer.status_code, told in words_of(answer)) == (422, True)
    assert "192.0.2.7" in answer.text or "allow" in fields
    assert "<script>alert" not in answer.text
    assert len(await keys_of(house, people)) == before


async def shown(people: People, path: str, name: str) -> str:
    """Read what a page's form bears."""
    (value,) = set(re.findall(rf'name="{name}" value="([^"]+)"', (await people.manager.get(path)).text))
    return str(value)


async def replace_key(people: People, key: str, grace: str) -> httpx2.Response:
    page = f"{place(people)}/keys/{key}"
    return await people.manager.post(f"{page}/rotate", grace=grace, once=await shown(people, page, "once"))


@pytest.mark.parametrize("grace", ["0", "24"])
async def test_a_double_click_makes_one_successor(people: People, house: House, grace: str) -> None:
    key, _ = await make(house, people)
    before = len(await keys_of(house, people))
    page = f"{place(people)}/keys/{key}"
    once = await shown(people, page, "once")
    answers = [await people.manager.post(f"{page}/rotate", grace=grace, once=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert "This form was sent twice: the key has its successor" in words_of(answers[1])
    assert len(await keys_of(house, people)) == before + 1


async def test_a_successor_is_made_by_a_form_of_ours_alone(people: People, house: House) -> None:
    key, _ = await make(house, people)
    before = len(await keys_of(house, people))
    for once in ("", "x" * 32, "0" * 33):
        answer = await people.manager.post(f"{place(people)}/keys/{key}/rotate", grace="0", once=once)
        assert answer.status_code == 422
    assert len(await keys_of(house, people)) == before


async def test_a_key_is_replaced_and_the_one_before_is_good_for_a_while(
    people: People, house: House, clock: ManualClock
) -> None:
    key, old = await make(house, people)
    answer = await replace_key(people, key, "1")
    (new,) = set(SECRET.findall(answer.text))
    assert await works(people.manager.http, old)
    clock.advance(hours=1)
    assert not await works(people.manager.http, old)
    clock.advance(hours=1)
    assert await works(people.manager.http, new)


async def test_a_key_is_revoked_once_somebody_is_sure(people: People, house: House) -> None:
    key, secret = await make(house, people)
    page = f"{place(people)}/keys/{key}"
    refused = await people.manager.post(f"{page}/revoke")
    assert (refused.status_code, "Tick the box" in words_of(refused)) == (422, True)
    assert await works(people.manager.http, secret)
    done = await people.manager.follow(await people.manager.post(f"{page}/revoke", sure="yes"))
    assert "The key is revoked" in words_of(done)
    assert not await works(people.manager.http, secret)
    assert "/revoke" not in (await people.manager.get(page)).text


async def test_a_key_of_the_live_ledger_is_not_on_the_sandboxs_pages(people: People, house: House) -> None:
    live = await create_key(house, AccountRef(people.account.account), KeyTerms("live one"))
    assert "live one" not in (await people.manager.get(place(people))).text
    answer = await people.manager.post(f"{place(people)}/keys/{live.id}/revoke", sure="yes")
    assert answer.status_code == 404
    assert (await house.keys.list(key=live.id))[0].revoked_at is None


async def test_the_webhooks_secret_is_shown_when_asked_for_and_replaced(people: People, house: House) -> None:
    ref = AccountRef(people.account.account, Mode.SANDBOX)
    secret = (await webhook_secret(house, ref)).reveal()
    assert secret not in (await people.manager.get(place(people))).text
    assert secret in unescape((await people.manager.post(f"{place(people)}/webhook-secret")).text)
    assert (await people.manager.post(f"{place(people)}/webhook-secret/rotate")).status_code == 422
    assert (await webhook_secret(house, ref)).reveal() == secret
    generation = await shown(people, place(people), "generation")
    answer = await people.manager.post(f"{place(people)}/webhook-secret/rotate", sure="yes", generation=generation)
    fresh = (await webhook_secret(house, ref)).reveal()
    assert fresh != secret
    assert fresh in unescape(answer.text)


async def test_a_double_click_replaces_the_secret_once(people: People, house: House) -> None:
    ref = AccountRef(people.account.account, Mode.SANDBOX)
    fields = {"sure": "yes", "generation": await shown(people, place(people), "generation")}
    path = f"{place(people)}/webhook-secret/rotate"
    answers = await asyncio.gather(*(people.manager.post(path, **fields) for _ in range(2)))
    fresh = (await webhook_secret(house, ref)).reveal()
    assert (await house.notices.secret_generation((await house.accounts.find(ref)).id))[0] == 2
    assert [fresh in unescape(answer.text) for answer in answers] == [True, True]
    assert sorted("and not once more" in words_of(answer) for answer in answers) == [False, True]
    for generation in ("", "x", "9" * 30):
        wrong = await people.manager.post(path, sure="yes", generation=generation)
        assert (wrong.status_code, "Tick the box" in words_of(wrong)) == (422, True)


async def test_a_viewer_sees_keys_and_requests_and_no_form(people: People) -> None:
    page = await people.viewer.get(place(people))
    assert page.status_code == 200
    assert '/developers/keys"' not in page.text
    assert "webhook-secret" not in page.text
    assert (await people.viewer.get(f"{place(people)}/requests")).status_code == 200


async def kept(house: House, people: People, *exchanges: tuple[int, str], body: str = "{}") -> int:
    number = (await house.accounts.find(AccountRef(people.account.account, Mode.SANDBOX))).id
    await house.exchanges.keep(
        [
            NewExchange(number, BEGINNING, "POST", path, status, 1_500, Body(body, len(body)), Body(body, 9_000), 3)
            for status, path in exchanges
        ]
    )
    return (await house.exchanges.newest(number, None, 1))[0].id


async def test_requests_are_shown_with_their_answers_and_nothing_in_them_is_run(people: People, house: House) -> None:
    number = await kept(house, people, (400, f"/v1/tts/send?x={EVIL}"), body=EVIL)
    listed = await people.manager.get(f"{place(people)}/requests")
    assert "3 before it were not kept" in words_of(listed)
    shown = await people.manager.get(f"{place(people)}/requests/{number}")
    for page in (listed, shown):
        assert "<script>alert" not in page.text
        assert EVIL in unescape(page.text)
        assert "400" in words_of(page)
    assert "Cut: this is the beginning" in words_of(shown)
    assert unescape(shown.text).count(EVIL) >= 3


async def test_requests_are_filtered_by_status_and_read_page_by_page(people: People, house: House) -> None:
    await kept(house, people, *[(200, f"/v2/credit?{number}") for number in range(60)], (404, "/v2/nothing"))
    failed = await people.manager.get(f"{place(people)}/requests?status=4xx")
    assert ("/v2/nothing" in failed.text, "/v2/credit" in failed.text) == (True, False)
    first = await people.manager.get(f"{place(people)}/requests")
    (following,) = re.findall(r'href="(\?status=&amp;before=\d+)"', first.text)
    second = await people.manager.get(f"{place(people)}/requests{unescape(following)}")
    numbers = [int(number) for page in (first, second) for number in re.findall(r"/v2/credit\?(\d+)<", page.text)]
    assert numbers == list(reversed(range(60)))
    assert "No request ended like that" in words_of(await people.manager.get(f"{place(people)}/requests?status=5xx"))


@pytest.mark.parametrize("number", ["x", "-1", "9" * 19, "9" * 30, "²"])
async def test_a_request_that_is_none_is_not_there(people: People, number: str) -> None:
    assert (await people.manager.get(f"{place(people)}/requests/{number}")).status_code == 404


async def test_no_request_says_what_to_do(people: People) -> None:
    assert "No request yet" in words_of(await people.manager.get(f"{place(people)}/requests"))


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("voice.example.org", "https://voice.example.org"),
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ('x"><script>', "http://localhost"),
    ],
)
async def test_a_snippet_has_the_servers_own_address(people: People, host: str, base_url: str) -> None:
    visitor = people.viewer
    for language in SNIPPETS:
        answer = await visitor.http.get(f"{place(people)}?in={language}", headers={**visitor._headers(), "host": host})
        assert f"{base_url}/v1/me/{PLACEHOLDER}" in unescape(answer.text)
        assert '<html lang="en">' in answer.text


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """A key of an account with 19 €."""
    opened = server.run("account", "create", "Snippets", "--credit", "19", "--json")
    return str(opened["live_key"])


#: The file of each snippet, what builds it, and what runs it.
COMMANDS = {
    "curl": ("me.sh", (), ("sh", "me.sh")),
    "php": ("me.php", (), ("php", "me.php")),
    "python": ("me.py", (), (sys.executable, "me.py")),
    "javascript": ("me.js", (), ("node", "me.js")),
    "java": ("Me.java", (), ("java", "Me.java")),
    "go": ("me.go", ("go", "build", "-o", "me", "me.go"), ("./me",)),
    "csharp": ("Me.cs", ("mcs", "Me.cs"), ("mono", "Me.exe")),
    "vb": ("me.vb", ("vbnc", "-out:me.exe", "me.vb"), ("mono", "me.exe")),
}


@pytest.mark.parametrize("language", SNIPPETS)
def test_a_snippet_reads_the_credit(language: str, server: Server, key: str, tmp_path: Path) -> None:
    file, build, run = COMMANDS[language]
    for command in {*build[:1], *run[:1]}:
        if "/" not in command and shutil.which(command) is None:
            pytest.skip(f"{command}: {NOT_ON_DEBIAN if command == 'vbnc' else 'it is not installed'}")
    text = snippet(language, server.url).replace(PLACEHOLDER, key)
    (tmp_path / file).write_text(text, encoding="utf-8")
    if build:
        subprocess.run(build, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE_S * 3)
    done = subprocess.run(run, cwd=tmp_path, check=False, capture_output=True, timeout=PATIENCE_S)
    printed = done.stdout.decode("utf-8").strip()
    assert done.returncode == 0, done.stderr.decode()
    assert printed == "19 €" or json.loads(printed)["credit"] == "19"
