"""What keeps people apart: generated from the table of pages, so that a new page is covered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import httpx2
import psycopg
import pytest

from portevoix.console.app import PAGES
from portevoix.console.page import Needs, Page
from portevoix.domain.account import KeyTerms, State
from portevoix.domain.exchange import Body, NewExchange
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service.drafts import keep_draft, new_draft
from portevoix.service.keys import create_key
from tests.console.conftest import MANAGER, STRANGER, People
from tests.console.gallery import GALLERY, NOT_SHOWN
from tests.console.visitor import Visitor, words_of
from tests.wire.modern import Client
from tests.wire.sound import keep

NEW = "acct_0123456789ab"
PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")

OF_ACCOUNTS = [page for page in PAGES if page.is_of_account]
FORMS = [page for page in PAGES if page.method == "POST" and page.needs is not Needs.NOBODY]


#: What forms bear that are not ours: a guard, or ours where it is ``None``, and what the browser says of their origin.
FORGED: list[tuple[str | None, dict[str, str]]] = [
    ("0" * 64, {"sec-fetch-site": "same-origin"}),
    ("", {"sec-fetch-site": "same-origin"}),
    (None, {"sec-fetch-site": "cross-site"}),
    (None, {"sec-fetch-site": "same-site"}),
    (None, {"origin": "https://evil.example"}),
    (None, {"origin": "null"}),
    (None, {}),
]


def name(page: Page) -> str:
    """Name a page in what a test tells."""
    return f"{page.method} {page.path or '(first)'}"


def at(page: Page, values: Mapping[str, str]) -> str:
    """Write a page's address."""
    return "/console" + PARAMETER.sub(lambda found: values[found[1]], page.path)


def nobodys(page: Page) -> dict[str, str]:
    """Fill in what a page's path names with what nobody has."""
    return {name: "acct_000000000000" if name == "account" else "sandbox" for name in PARAMETER.findall(page.path)}


async def ask(visitor: Visitor, page: Page, path: str) -> httpx2.Response:
    """Open a page, or send its form empty."""
    return await (visitor.get(path) if page.method == "GET" else visitor.post(path))


@pytest.fixture
async def theirs(people: People, house: House, url: str) -> dict[str, str]:
    """What the other account has, by the names that paths have for it."""
    ref = AccountRef(people.other.account, Mode.SANDBOX)
    key = await create_key(house, ref, KeyTerms(name="theirs"))
    person = next(one for one in await house.people.list() if one.email.text == STRANGER)
    access = await house.accounts.access(ref, person.scopes)
    draft = new_draft(house)
    await keep_draft(house, access, person.id, draft)
    recording = await keep(house, ref.public_id, "Theirs", mode=ref.mode)
    number = (await house.accounts.find(ref)).id
    nothing = Body("", 0)
    await house.exchanges.keep([NewExchange(number, house.clock.now(), "GET", "/", 200, 1, nothing, nothing, 0)])
    (exchange,) = await house.exchanges.newest(number, None, 1)
    own = {"key": key.id, "request": str(exchange.id), "draft": draft.id, "recording": recording.token}
    return {**own, **await called(people, house, url)}


async def called(people: People, house: House, url: str) -> dict[str, str]:
    """Call one of their phones: a message that was played, told by a webhook, and recorded for proof."""
    door = Client(people.stranger.http, people.other.test_key)
    recording = await keep(house, people.other.account, "theirs", mode=Mode.SANDBOX)
    order = {"to": ["0639980400"], "audio": recording.token, "notify_url": "https://hooks.example.test/hook"}
    message = (await door.done("messages", order))["id"]
    await door.over(message)
    (webhook,) = await door.until("webhooks")
    (entry,) = await door.until("sandbox/inbox")
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO attempt_recording (call_id, number, alaw, recorded_at) SELECT id, 1, '\\x55', now() FROM call"
        )
    return {"campaign": message, "position": "1", "webhook": webhook["id"], "entry": entry["id"]}


async def answers(visitor: Visitor, pages: Iterable[Page], values: Mapping[str, str]) -> dict[str, httpx2.Response]:
    """Ask for pages, and send forms, one after the other; what their paths name beyond ``values`` nobody has."""
    return {name(page): await ask(visitor, page, at(page, {**nobodys(page), **values})) for page in pages}


def statuses(found: Mapping[str, httpx2.Response]) -> dict[str, int]:
    """Tell the status of each answer."""
    return {page: answer.status_code for page, answer in found.items()}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("whose", ["another's", "nobody's", "none"])
async def test_another_accounts_pages_are_not_there(people: People, whose: str, mode: Mode) -> None:
    accounts = {"another's": people.account.account, "nobody's": "acct_000000000000", "none": "nonsense"}
    found = await answers(people.stranger, OF_ACCOUNTS, {"account": accounts[whose], "mode": mode})
    assert statuses(found) == dict.fromkeys(found, 404)
    assert not [page for page, answer in found.items() if "Mairie" in answer.text]


async def test_what_another_account_has_is_not_on_ones_own_pages(people: People, theirs: Mapping[str, str]) -> None:
    pages = [page for page in OF_ACCOUNTS if len(PARAMETER.findall(page.path)) > 2]
    assert {one for page in pages for one in PARAMETER.findall(page.path)} <= {*theirs, "account", "mode"}
    own = {**theirs, "account": people.account.account, "mode": "sandbox"}
    found = await answers(people.manager, pages, own)
    assert statuses(found) == dict.fromkeys(found, 404)


async def test_what_another_account_has_is_on_its_own_pages(people: People, theirs: Mapping[str, str]) -> None:
    values = {**theirs, "account": people.other.account, "mode": "sandbox"}
    for page in OF_ACCOUNTS:
        if page.method == "GET" and set(PARAMETER.findall(page.path)) <= set(values):
            assert (await people.stranger.get(at(page, values))).status_code not in (403, 404), page.path


async def test_the_operators_pages_are_the_operators(people: People) -> None:
    found = await answers(people.manager, [page for page in PAGES if page.needs is Needs.OPERATOR], {})
    assert statuses(found) == dict.fromkeys(found, 404)


async def test_a_viewer_changes_nothing(people: People) -> None:
    pages = [page for page in PAGES if page.needs is Needs.MANAGER]
    found = await answers(people.viewer, pages, {"account": people.account.account})
    assert statuses(found) == dict.fromkeys(found, 403)
    assert not [page for page, answer in found.items() if "Your role does not allow this" not in words_of(answer)]


async def test_whoever_is_not_signed_in_is_led_to_the_sign_in(http: httpx2.AsyncClient) -> None:
    found = await answers(Visitor(http), [page for page in PAGES if page.needs is not Needs.NOBODY], {})
    assert statuses(found) == dict.fromkeys(found, 303)
    assert {answer.headers["location"].partition("?")[0] for answer in found.values()} == {"/console/sign-in"}


@pytest.mark.parametrize(("guard", "headers"), FORGED)
async def test_a_form_from_elsewhere_changes_nothing(
    people: People, guard: str | None, headers: Mapping[str, str]
) -> None:
    visitor, values = people.operator, {"account": people.account.account}
    data = {"guard": visitor.guard if guard is None else guard}
    for page in FORMS:
        path = at(page, {**nobodys(page), **values})
        answer = await visitor.http.post(path, data=data, headers={**visitor._headers(), **headers})
        assert (name(page), answer.status_code) == (name(page), 403)
        assert "the form came from elsewhere" in words_of(answer)


async def test_a_form_without_files_is_not_read_beyond_what_is_read_in_one_go(people: People, url: str) -> None:
    numbers = "0639980000\n" * 30_000
    plain = await people.manager.post(f"{people.place}/send", numbers=numbers)
    assert (plain.status_code, "a file or a text is too large" in words_of(plain), drafts(url)) == (413, True, 0)
    in_parts = await people.manager.post(f"{people.place}/send", files={"list": ("", b"")}, numbers=numbers)
    assert (in_parts.status_code, drafts(url)) == (422, 1), "kept, though its text is missing"


async def test_a_field_of_any_length_is_not_kept(people: People, url: str) -> None:
    for files in (None, {"list": ("", b"")}):
        answer = await people.manager.post(f"{people.place}/send", files=files, at="9" * 40_000, numbers="0639980000")
        assert (answer.status_code, drafts(url)) == (413, 0)


def drafts(url: str) -> int:
    """Count the messages that are being written."""
    with psycopg.connect(url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM draft").fetchone() or (0,)
    return int(count)


async def test_what_the_database_cannot_keep_is_no_defect(people: People) -> None:
    for path in (f"{people.place}/campaigns/%00", f"{people.place}/campaigns?number=%00", "/console/%00", "/%00"):
        assert (await people.manager.get(path)).status_code == 404, path
    assert (await people.operator.get("/console/operator?q=a%00b")).status_code == 404
    strange = await people.operator.post("/console/sign-in", email="a\0@example.org", password="\0", code="\0")
    assert strange.status_code == 422
    answer = await people.operator.post(f"/console/operator/open/{NEW}", name="Ly\0c\u00e9e", credit="1", sandbox="1")
    assert (answer.status_code, "Lyc\u00e9e" in words_of(answer)) == (200, True)


async def test_whoever_leaves_in_the_middle_of_a_form_is_no_defect(people: People) -> None:
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return next(messages)

    for kind, body in (("application/x-www-form-urlencoded", b"a=b"), ("multipart/form-data; boundary=a", b"--a\r\n")):
        messages = iter([{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}])
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/console/sign-in",
            "query_string": b"",
            "headers": [(b"content-type", kind.encode()), (b"sec-fetch-site", b"same-origin")],
            "client": ("127.0.0.1", 50000),
        }
        await people.manager.http._transport.app(scope, receive, send)  # type: ignore[attr-defined]
    assert sent == []


async def test_every_page_says_what_a_browser_may_do_with_it(people: People) -> None:
    for path in ("/console/sign-in", people.place, "/console/nothing", "/console/me"):
        answer = await people.manager.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", answer.text)


async def test_what_lies_beside_the_pages_may_be_kept_for_ever(people: People) -> None:
    page = await people.manager.get("/console/me")
    found = re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page.text)
    assert len(found) >= 2
    for path in found:
        answer = await people.manager.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert (await people.manager.get("/console/static/0/../../app.py")).status_code == 404


async def test_of_an_account_that_is_switched_off_its_own_people_change_nothing(people: People, house: House) -> None:
    await house.accounts.set_state(AccountRef(people.account.account), State.DISABLED)
    pages = [page for page in PAGES if page.needs is Needs.MANAGER]
    found = await answers(people.manager, pages, {"account": people.account.account})
    assert statuses(found) == dict.fromkeys(found, 403)
    assert not [page for page, answer in found.items() if "This account is switched off" not in words_of(answer)]
    assert (await people.manager.get(people.place)).status_code == 200


async def test_nobody_is_led_to_a_page_that_is_closed_to_them(people: People) -> None:
    pages = {visitor: await visitor.get(people.place) for visitor in (people.manager, people.viewer)}
    for visitor, page in pages.items():
        led = set(re.findall(rf'href="({people.place}/[a-z]+)"', page.text))
        assert {path: (await visitor.get(path)).status_code for path in led} == dict.fromkeys(led, 200)
    assert f'href="{people.place}/send"' in pages[people.manager].text


async def test_what_is_done_is_noted_with_who_did_it_and_how_it_ended(people: People, house: House) -> None:
    await people.manager.post("/console/me/password", password="wrong", new_password="whatever it is")
    newest = (await house.deeds.newest(None, 1))[0]
    assert (newest.who, newest.action, newest.outcome) == (MANAGER, "change-password", "refused")
    assert (newest.address, newest.account) == ("127.0.0.1", None)


def test_every_page_is_looked_at() -> None:
    """A page is in the gallery, or it is said why not."""
    shown = {page.path for page in PAGES if page.method == "GET"}
    assert set(GALLERY) | set(NOT_SHOWN) == shown
