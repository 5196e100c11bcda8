"""The messages that were sent: the list, one with what became of whom, and what can still be changed of it."""

from __future__ import annotations

import asyncio
import csv
import io
import re

import httpx2
import psycopg
import pytest

from portevoix.audio.wav import wav_16bit
from portevoix.console.pages import calls, campaigns
from portevoix.domain.account import Scope
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service import sent
from tests.console.conftest import People
from tests.console.visitor import words_of
from tests.parts import PATIENCE_S
from tests.wire.modern import LATER, Client
from tests.wire.sound import keep

SCRIPT = "<script>alert(1)</script>\"'"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"


@pytest.fixture
async def token(house: House, people: People) -> str:
    """A recording of 6 s."""
    return (await keep(house, people.account.account, "annonce", 48_000, mode=Mode.SANDBOX)).token


@pytest.fixture
def door(people: People) -> Client:
    """The API, by which the account sends."""
    return Client(people.manager.http, people.account.test_key)


async def send(door: Client, token: str, *to: str, over: bool = True, **order: object) -> str:
    """Send a message, and wait for its end where it has one; returns its id."""
    made = await door.done("messages", {"to": to or ["0639980400"], "audio": token, **order})
    if over:
        await door.over(made["id"])
    return str(made["id"])


def listed(page: httpx2.Response) -> list[str]:
    """The messages that a page leads to, in its order."""
    assert page.status_code == 200, page.text
    return re.findall(r'/campaigns/([0-9A-Za-z]{10})"', page.text)


def numbers(page: httpx2.Response) -> list[str]:
    """The recipients that a page lists, in its order."""
    assert page.status_code == 200, page.text
    return re.findall(r'/calls/\d+">(\+\d+)<', page.text)


# the list


async def test_the_list_has_the_newest_first_a_page_at_a_time(
    people: People, door: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns, "CAMPAIGNS_SHOWN", 2)
    made = [await send(door, token) for _ in range(5)]
    page, seen = await people.viewer.get(f"{people.place}/campaigns"), []
    while True:
        seen.append(listed(page))
        following = re.search(r'href="([^"]+)" rel="next"', page.text)
        if following is None:
            break
        page = await people.viewer.get(following[1].replace("&amp;", "&"))
    assert seen == [[made[4], made[3]], [made[2], made[1]], [made[0]]]


async def test_the_list_is_filtered_by_the_state_that_people_see(people: People, door: Client, token: str) -> None:
    finished = await send(door, token)
    scheduled = await send(door, token, over=False, at=LATER)
    paused = await send(door, token, over=False, at=LATER)
    await door.done(f"messages/{paused}/pause")
    cancelled = await send(door, token, over=False, at=LATER)
    await door.done(f"messages/{cancelled}/cancel")
    by_state = {"scheduled": scheduled, "paused": paused, "cancelled": cancelled, "finished": finished}
    for state, one in by_state.items():
        assert listed(await people.viewer.get(f"{people.place}/campaigns?state={state}")) == [one]
    page = await people.viewer.get(f"{people.place}/campaigns?state=active")
    assert listed(page) == []
    assert "No message is in this state." in words_of(page)
    assert len(listed(await people.viewer.get(f"{people.place}/campaigns?state=nonsense"))) == 4


async def test_an_account_that_has_sent_nothing_is_led_to_sending(people: People) -> None:
    page = await people.viewer.get(f"{people.place}/campaigns")
    assert f'href="{people.place}/send"' in page.text


# one message


async def test_a_page_shows_what_was_sent_and_what_became_of_whom(people: People, door: Client) -> None:
    made = await door.done("messages", {"to": ["0639980400", "0639980411"], "text": f"Bonjour. {SCRIPT}"})
    await door.over(made["id"])
    page = await people.viewer.get(f"{people.place}/campaigns/{made['id']}")
    assert ESCAPED in page.text
    assert "<script>alert" not in page.text
    assert numbers(page) == ["+33639980400", "+33639980411"]
    told = words_of(page)
    assert "2 of 2 over" in told
    assert "Reached 1 Not reached 1 Cancelled 0 To come 0" in told
    assert "data-live" not in page.text, "it is over"
    assert ESCAPED in (await people.viewer.get(f"{people.place}/campaigns")).text


async def test_what_the_phone_plays_can_be_heard_from_anywhere_in_it(
    people: People, door: Client, token: str, house: House
) -> None:
    message = await send(door, token)
    path = f"{people.place}/campaigns/{message}/audio.wav"
    assert f'src="{path}"' in (await people.viewer.get(f"{people.place}/campaigns/{message}")).text
    whole = await people.viewer.get(path)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.content == wav_16bit(TelephoneAudio(b"\x55" * 48_000))
    people.viewer.headers["range"] = "bytes=44-47"
    part = await people.viewer.get(path)
    assert (part.status_code, part.content) == (206, whole.content[44:48])
    people.viewer.headers["range"] = "bytes=999999-"
    assert (await people.viewer.get(path)).status_code == 416


async def test_recipients_are_filtered_and_come_a_page_at_a_time(
    people: People, door: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALLS_SHOWN", 2)
    monkeypatch.setattr(campaigns, "CALLS_SHOWN", 2)
    message = await send(door, token, *(f"06399804{code}" for code in ("00", "11", "01", "14", "13")))
    place = f"{people.place}/campaigns/{message}"
    first = await people.viewer.get(f"{place}?state=finished")
    assert numbers(first) == ["+33639980400", "+33639980401"]
    following = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert following is not None
    second = await people.viewer.get(following[1].replace("&amp;", "&"))
    assert numbers(second) == ["+33639980414"]
    assert f'href="{place}?state=finished"' in second.text, "back to the beginning of the same list"
    assert numbers(await people.viewer.get(f"{place}?outcome=busy")) == ["+33639980411"]
    for typed in ("06 39 98 04 13", "+33639980413", "0033 6 39 98 04 13", "98 04 13"):
        assert numbers(await people.viewer.get(f"{place}?number={typed.replace('+', '%2B')}")) == ["+33639980413"]
    nobody = await people.viewer.get(f"{place}?number=nobody")
    assert (numbers(nobody), "No recipient is like that." in words_of(nobody)) == ([], True)


async def test_a_number_without_digits_is_not_looked_for_call_by_call(
    people: People, door: Client, token: str, house: House, url: str
) -> None:
    message = await send(door, token)
    access = await house.accounts.access(AccountRef(people.account.account, Mode.SANDBOX), frozenset(Scope))
    which = calls.parse_filter({"number": "nobody"})
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE call IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(PATIENCE_S):
            assert await house.campaigns.calls(access.account_id, message, 0, 9, which) == []


async def test_all_recipients_can_be_taken_along(
    people: People, door: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent, "CALLS_AT_ONCE", 2)
    message = await send(door, token, *(f"06399804{code}" for code in ("00", "11", "01")))
    file = await people.viewer.get(f"{people.place}/campaigns/{message}/calls.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == f'attachment; filename="{message}-calls.csv"'
    header, *rows = csv.reader(io.StringIO(file.text))
    assert header == ["Number", "Product", "State", "Outcome", "Seconds", "Cost", "Attempts", "Over"]
    assert rows[0] == [
        "+33639980400",
        "voice SMS to a mobile",
        "finished",
        "answered",
        "6",
        "0.006",
        "1",
        "2026-01-13 12:35:10",
    ]
    assert [row[0] for row in rows] == ["+33639980400", "+33639980411", "+33639980401"]
    file = await people.viewer.get(f"{people.place}/campaigns/{message}/calls.csv?outcome=busy")
    assert [row[0] for row in csv.reader(io.StringIO(file.text))][1:] == ["+33639980411"]
    assert (await people.viewer.get(f"{people.place}/campaigns/0000000000/calls.csv")).status_code == 404


# what can be changed


def buttons(page: httpx2.Response) -> set[str]:
    """What can be done with a message, as its page shows it."""
    return set(re.findall(r"/campaigns/\w{10}/(pause|resume|cancel)", page.text))


async def test_the_buttons_are_what_can_be_done(people: People, door: Client, token: str) -> None:
    message = await send(door, token, over=False, at=LATER)
    place = f"{people.place}/campaigns/{message}"
    assert buttons(await people.manager.get(place)) == {"pause", "cancel"}
    assert buttons(await people.viewer.get(place)) == set()
    page = await people.manager.follow(await people.manager.post(f"{place}/pause"))
    assert "The message is paused." in words_of(page)
    assert buttons(page) == {"resume", "cancel"}
    assert (await door.get(f"messages/{message}"))["state"] == "paused"
    await people.manager.post(f"{place}/pause")
    assert (await door.get(f"messages/{message}"))["state"] == "paused", "a second click changes nothing"
    page = await people.manager.follow(await people.manager.post(f"{place}/resume"))
    assert buttons(page) == {"pause", "cancel"}
    assert (await door.get(f"messages/{message}"))["state"] == "scheduled"


async def test_a_cancel_says_what_comes_back_and_gives_it_back_once(people: People, door: Client, token: str) -> None:
    before = await door.balance()
    message = await send(door, token, "0639980400", "0639980401", over=False, at=LATER)
    place = f"{people.place}/campaigns/{message}"
    asked = words_of(await people.manager.get(f"{place}/cancel"))
    assert "Calls that will not be made 2" in asked
    assert "What comes back at once €0.012" in asked
    assert (await door.balance())[1] == 12_000, "asking changes nothing"
    for _ in range(2):
        page = await people.manager.follow(await people.manager.post(f"{place}/cancel"))
        assert "The message is cancelled." in words_of(page)
        assert await door.balance() == before
    assert "Came back €0.012" in words_of(page)
    assert buttons(page) == set()
    assert (await people.manager.get(f"{place}/cancel")).headers["location"] == place


async def test_what_is_over_is_not_changed(people: People, door: Client, token: str) -> None:
    message = await send(door, token)
    for change in ("pause", "resume", "cancel"):
        page = await people.manager.post(f"{people.place}/campaigns/{message}/{change}")
        assert page.status_code == 422
        assert "The message is over, or was cancelled." in words_of(page)
    assert (await door.get(f"messages/{message}"))["state"] == "finished"


# one call


async def test_a_call_tells_what_happened_in_both_languages(people: People, door: Client, token: str) -> None:
    message = await send(door, token, "0639980430", "0639980470")
    place = f"{people.place}/campaigns/{message}/calls"
    told = words_of(await people.viewer.get(f"{place}/1"))
    for words in (
        *("Accepted", "Attempt 1, over simulator", "The phone rings", "Answered by a person", "Keys pressed: 1"),
        *("The attempt is over: answered", "Over, and charged €0.006"),
    ):
        assert words in told
    assert "13 Jan 2026, 12:35:04 Answered" in told
    people.viewer.headers["accept-language"] = "fr"
    told = words_of(await people.viewer.get(f"{place}/2"))
    for words in ("Accepté", "Tentative 1, par simulator", "échec de la route", "Tentative 2, par simulator-2"):
        assert words in told
    assert (await people.viewer.get(f"{place}/3")).status_code == 404
    assert (await people.viewer.get(f"{place}/0")).status_code == 404


async def test_a_retry_is_told_with_its_time(people: People, door: Client, token: str) -> None:
    message = await send(door, token, "0639980411", over=False, retries={"most": 1, "spacing_s": 600})
    await door.until(f"messages/{message}/calls", state="scheduled")
    told = words_of(await people.viewer.get(f"{people.place}/campaigns/{message}/calls/1"))
    assert "The attempt is over: busy" in told
    assert "Tried again at 13 Jan 2026, 12:45:00" in told


async def test_what_is_kept_for_proof_can_be_heard(people: People, door: Client, token: str, url: str) -> None:
    message = await send(door, token)
    place = f"{people.place}/campaigns/{message}/calls/1"
    assert "recording.wav" not in (await people.viewer.get(place)).text
    assert (await people.viewer.get(f"{place}/recording.wav")).status_code == 404
    with psycopg.connect(url) as connection:
        statement = (
            "INSERT INTO attempt_recording (call_id, number, alaw, recorded_at) SELECT id, 1, %s, now() FROM call"
        )
        connection.execute(statement, [b"\x55" * 800])
    assert f'src="{place}/recording.wav"' in (await people.viewer.get(place)).text
    heard = await people.viewer.get(f"{place}/recording.wav")
    assert heard.content == wav_16bit(TelephoneAudio(b"\x55" * 800))


async def test_a_recordings_name_is_shown_as_it_was_written_wherever_it_stands(
    people: People, door: Client, house: House
) -> None:
    name, escaped = "<script>alert(1)\"'", "&lt;script&gt;alert(1)&#34;&#39;"  # a name has no slash
    recording = await keep(house, people.account.account, name, 48_000, mode=Mode.SANDBOX)
    played = await send(door, recording.token, notify_url="https://hooks.example.test/?a=<script>alert(1)</script>")
    waiting = await send(door, recording.token, over=False, at=LATER)
    for path in (
        *("", "/campaigns", f"/campaigns/{played}", f"/campaigns/{played}/calls/1"),
        *(f"/campaigns/{waiting}/cancel", "/phones"),
    ):
        page = await people.manager.get(f"{people.place}{path}")
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert escaped in page.text, path
