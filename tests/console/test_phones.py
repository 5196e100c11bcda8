"""The phones of the sandbox: what each received and what was told of it, the clock, a new beginning."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from portevoix.console import words
from portevoix.console.pages import phones
from portevoix.domain.ids import Mode
from portevoix.domain.magic import BEHAVIOURS
from portevoix.domain.sandbox import FARTHEST
from portevoix.ports import House
from tests.conftest import Serve
from tests.console.conftest import People
from tests.console.visitor import words_of
from tests.notify.receiver import Answer, Receiver
from tests.wire.modern import FAST, LATER, Client
from tests.wire.sound import keep, read_wav

SCRIPT = "<script>alert(1)</script>\"'"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx2.AsyncClient]:
    """A server whose phones wait for nothing, and whose webhooks may come to this machine."""
    async with serve(**FAST, webhooks_allow="127.0.0.0/8") as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Where webhooks go."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def token(house: House, people: People) -> str:
    """A recording of 8 s."""
    return (await keep(house, people.account.account, "annonce", 64_000, mode=Mode.SANDBOX)).token


@pytest.fixture
def door(people: People) -> Client:
    """The API, by which the account sends."""
    return Client(people.manager.http, people.account.test_key)


async def send(door: Client, *to: str, **order: object) -> str:
    """Send a message, and wait for its end; returns its id."""
    made = await door.done("messages", {"to": to, **order})
    await door.over(made["id"])
    return str(made["id"])


async def show(people: People, query: str = "") -> httpx2.Response:
    """Open the page."""
    page = await people.manager.get(f"{people.place}/phones{query}")
    assert page.status_code == 200, page.text
    return page


def once(page: httpx2.Response) -> str:
    """The number that the form of the clock has of its own."""
    found = re.search(r'name="once" value="(\w+)"', page.text)
    assert found is not None
    return found[1]


# what they received


async def test_a_phone_shows_its_calls_and_they_can_be_heard(people: People, door: Client, token: str) -> None:
    message = await send(door, "0639980430", "0639980420", audio=token)
    page = await show(people)
    told = words_of(page)
    assert "Keys pressed: 1" in told
    assert "left on voicemail" in told
    assert f'href="{people.place}/campaigns/{message}/calls/1"' in page.text
    heard = sorted([len(read_wav((await people.viewer.get(path)).content)[1]) for path in sounds(page)])
    assert heard == [2 * 48_000, 2 * 64_000], "six seconds by a person, all of it by the machine"


def sounds(page: httpx2.Response) -> list[str]:
    """What a page plays."""
    return re.findall(r'<audio[^>]* src="([^"]+)"', page.text)


async def test_one_phone_is_found_by_its_number(people: People, door: Client, token: str) -> None:
    await send(door, "0639980400", "0639980401", audio=token)
    for typed in ("0639980401", "06 39 98 04 01", "%2B33639980401"):
        page = await show(people, f"?number={typed}")
        assert re.findall(r">(\+\d+)</a></h3>", page.text) == ["+33639980401"]
    assert "This phone has received nothing." in words_of(await show(people, "?number=nobody"))


async def test_calls_come_a_page_at_a_time_put_together_by_phone(
    people: People, door: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "ENTRIES_SHOWN", 3)
    for to in ("0639980400", "0639980401", "0639980400", "0639980401"):
        await send(door, to, audio=token)
    first = await show(people)
    assert re.findall(r">(\+\d+)</a></h3>", first.text) == ["+33639980401", "+33639980400"]
    assert len(sounds(first)) == 3
    following = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert following is not None
    second = await people.manager.get(following[1])
    assert re.findall(r">(\+\d+)</a></h3>", second.text) == ["+33639980400"]


async def test_webhooks_are_shown_with_their_answers_and_sent_again(
    people: People, door: Client, token: str, receiver: Receiver
) -> None:
    receiver.answers.append(Answer(400, body=SCRIPT.encode()))
    await send(door, "0639980400", audio=token, notify_url=receiver.url("/hook"))
    await door.tried()
    page = await show(people)
    told = words_of(page)
    assert '"status":"delivered"' in told, "the request"
    assert "HTTP 400" in told
    assert ESCAPED in page.text, "the answer"
    assert "<script>alert" not in page.text
    replay = re.search(r'action="([^"]+/replay)"', page.text)
    assert replay is not None
    said = await people.manager.follow(await people.manager.post(replay[1]))
    assert "The webhook is sent again." in words_of(said)
    await receiver.wait_for(2)
    assert receiver.received[0].body == receiver.received[1].body
    unknown = f"{people.place}/phones/webhooks/msg_{'0' * 32}/replay"
    assert (await people.manager.post(unknown)).status_code == 404


async def test_of_many_tries_the_last_are_shown(
    people: People, door: Client, token: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "TRIES_SHOWN", 2)
    receiver.answers.extend(Answer(status, body=b"x" * 1_000) for status in (400, 401, 402))
    await send(door, "0639980400", audio=token, notify_url=receiver.url("/hook"))
    webhook = (await door.tried())["id"]
    for count in (2, 3):
        await door.done(f"webhooks/{webhook}/replay")
        while len((await door.get(f"webhooks/{webhook}"))["tries"]) < count:
            await receiver.wait_for(count)
    page = await show(people)
    assert "Earlier tries: 1" in words_of(page)
    assert re.findall(r"<strong>HTTP (\d+)", page.text) == ["401", "402"]
    assert [len(answered) for answered in re.findall(r">(x+)<", page.text)] == [400, 400]


async def test_free_texts_are_shown_as_they_were_written(people: People, door: Client) -> None:
    await send(door, "0639980400", text=f"Bonjour. {SCRIPT}")
    page = await show(people)
    assert "<script>alert" not in page.text
    assert ESCAPED in page.text


async def test_mails_are_shown(people: People, door: Client, token: str) -> None:
    assert "No mail was written." in words_of(await show(people))
    await send(door, "0639980420", audio=token, kind="deposit", email="mairie@example.test")
    told = words_of(await show(people))
    assert "mairie@example.test" in told
    assert "Messages déposés : 1 sur 1" in told


async def test_every_magic_number_is_in_the_table_in_both_languages(people: People) -> None:
    assert {one.meaning for one in BEHAVIOURS.values()} == set(words.PHONES)
    for language in ("en", "fr"):
        people.manager.headers["accept-language"] = language
        page = await show(people)
        codes = re.findall(r'<tr><td class="mono">(\d\d)</td><td class="mono">\+33639980(\d)\d\d</td>', page.text)
        assert codes == [(f"{code:02}", "4") for code in BEHAVIOURS]
    assert "décroche, écoute 45 s" in words_of(page)


async def test_a_live_account_has_no_phones(people: People) -> None:
    place = f"/console/{people.account.account}/live/phones"
    await people.manager.get("/console/me")
    for path in ("", "/reset", "/1/audio.wav"):
        assert (await people.manager.get(f"{place}{path}")).status_code == 404
    for path in ("/reset", "/advance", f"/webhooks/msg_{'0' * 32}/replay"):
        assert (await people.manager.post(f"{place}{path}")).status_code == 404
    assert "/phones" not in (await people.manager.get(f"/console/{people.account.account}/live")).text


# the clock


async def test_the_clock_is_moved_on_by_a_button_or_by_what_one_types(people: People, door: Client, token: str) -> None:
    message = (await door.done("messages", {"to": ["0639980400"], "audio": token, "at": LATER}))["id"]
    page = await show(people)
    assert "13 Jan 2026, 12:35:00 it shows the real time" in words_of(page)
    page = await people.manager.follow(
        await people.manager.post(f"{people.place}/phones/advance", seconds="900", once=once(page))
    )
    assert "The clock is moved on, and all that was due has happened." in words_of(page)
    assert "13 Jan 2026, 12:50:00 15 min 00 s ahead of the real one" in words_of(page)
    page = await people.manager.follow(
        await people.manager.post(f"{people.place}/phones/advance", amount="30", unit="days", once=once(page))
    )
    assert "12 Feb 2026, 12:50:00" in words_of(page)
    assert (await door.get(f"messages/{message}"))["state"] == "finished"


async def test_a_form_that_is_sent_twice_moves_the_clock_once(people: People) -> None:
    page = await show(people)
    for _ in range(2):
        answer = await people.manager.post(f"{people.place}/phones/advance", seconds="86400", once=once(page))
        assert answer.headers["location"] == f"{people.place}/phones?said=clock-moved"
    assert "14 Jan 2026, 12:35:00" in words_of(await show(people))


@pytest.mark.parametrize(
    "fields",
    [
        {"seconds": "0"},
        {"seconds": "-1"},
        {"seconds": "١"},
        {"amount": "367", "unit": "days"},
        {"amount": "9" * 30, "unit": "days"},
        {"seconds": "60", "once": "nonsense"},
        {},
    ],
)
async def test_a_step_that_cannot_be_is_refused(people: People, fields: dict[str, str]) -> None:
    page = await show(people)
    answer = await people.manager.post(f"{people.place}/phones/advance", **{"once": once(page), **fields})
    assert answer.status_code == 422
    assert f"The clock is moved on by a minute to {FARTHEST.days} days at once" in words_of(answer)
    assert "it shows the real time" in words_of(await show(people))


# a new beginning


async def test_a_reset_is_asked_for_and_done(people: People, door: Client, token: str) -> None:
    await send(door, "0639980400", audio=token)
    message = (await door.done("messages", {"to": ["0639980400"], "audio": token, "at": LATER}))["id"]
    asked = words_of(await people.manager.get(f"{people.place}/phones/reset"))
    assert "Messages that are cancelled 1" in asked
    assert "Credit afterwards €100.00" in asked
    assert (await door.get(f"messages/{message}"))["state"] == "scheduled", "asking changes nothing"
    page = await people.manager.follow(await people.manager.post(f"{people.place}/phones/reset"))
    assert "The sandbox begins anew." in words_of(page)
    assert "No phone has rung yet." in words_of(page)
    assert (await door.get(f"messages/{message}"))["state"] == "cancelled"
    assert await door.balance() == (100_000_000, 0)


async def test_a_viewer_sees_no_buttons(people: People, door: Client, token: str) -> None:
    await send(door, "0639980400", audio=token)
    page = await people.viewer.get(f"{people.place}/phones")
    assert "/phones/advance" not in page.text
    assert "/phones/reset" not in page.text
    assert len(sounds(page)) == 1
