"""/v2/sandbox: what the simulated phones received, the clock that is moved on, and a new beginning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import GrantKind, GrantTerms
from portevoix.domain.magic import BEHAVIOURS
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.sandbox import FARTHEST, FARTHEST_AHEAD
from portevoix.ports import House
from portevoix.service import sandbox
from portevoix.service.accounts import OpenedAccount
from portevoix.service.credit import check_ledger, top_up
from tests.conftest import Serve
from tests.notify.receiver import Answer, Receiver
from tests.parts import BEGINNING, ManualClock
from tests.wire.modern import FAST, LATER, SLOW, Client, problem
from tests.wire.sound import WAVE_PCM, read_wav

ENTRY = (
    *("id", "message", "call", "attempt", "number", "kind", "text", "audio_name", "route", "outcome", "cause"),
    *("answerer", "keys", "heard_s", "is_voicemail", "dialed_at", "ringing_at", "answered_at", "ended_at", "audio"),
    "webhooks",
)
NOW = "2026-01-13T11:35:00Z"
EURO = MICROS_PER_EURO


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def sent(door: Client, token: str, *to: str, **order: Any) -> str:
    """Send a message; returns its id."""
    made = await door.done("messages", {"to": to or ["0639980400"], "audio": token, **order})
    return str(made["id"])


async def received(door: Client, **query: Any) -> list[dict[str, Any]]:
    """Read the inbox, the oldest first."""
    return list(reversed((await door.get("sandbox/inbox", **query))["items"]))


def ahead(**parts: int) -> str:
    """Write the moment so long after the beginning."""
    return (BEGINNING + timedelta(**parts)).isoformat().replace("+00:00", "Z")


# The inbox


async def test_an_entry_tells_what_a_phone_received(
    account: OpenedAccount, token: str, serve: Serve, receiver: Receiver
) -> None:
    async with serve(**FAST, webhooks_allow="127.0.0.0/8") as http:
        door = Client(http, account.test_key)
        message = await sent(door, token, "0639980430", notify_url=receiver.url("/hook"))
        await door.over(message)
        (webhook,) = await door.until("webhooks", state="delivered")
        page = await door.get("sandbox/inbox")
    (entry,) = page["items"]
    assert (list(page), page["mails"], page["next"]) == (["items", "mails", "next"], [], None)
    assert tuple(entry) == ENTRY
    assert entry | {"id": "", "audio": ""} == {
        "id": "",
        "message": message,
        "call": f"{message}-1",
        "attempt": 1,
        "number": "+33639980430",
        "kind": "voice",
        "text": None,
        "audio_name": "annonce",
        "route": "simulator",
        "outcome": "answered",
        "cause": 200,
        "answerer": "person",
        "keys": "1",
        "heard_s": 6,
        "is_voicemail": False,
        "dialed_at": NOW,
        "ringing_at": NOW,
        "answered_at": ahead(seconds=4),
        "ended_at": ahead(seconds=10),
        "audio": "",
        "webhooks": [webhook],
    }
    assert entry["audio"] == f"/v2/sandbox/inbox/{entry['id']}/audio"


async def test_a_phone_of_a_large_message_is_shown_with_the_webhook_of_its_own_call(door: Client, token: str) -> None:
    to = [f"063998{rings_s:02}00" for rings_s in range(25)]
    message = await sent(door, token, *to, notify_url="https://hooks.example.test/hook")
    await door.over(message)
    for number in (to[0], to[-1]):
        (entry,) = await received(door, number=number, limit=1)
        assert [one["call"] for one in entry["webhooks"]] == [entry["call"]]


async def test_what_landed_on_voicemail_and_what_nobody_heard(door: Client, token: str) -> None:
    deposit = await sent(door, token, "0639980400", "0199000500", kind="deposit", email="mairie@example.test")
    voice = await sent(door, token, "0639980420", "0639980411", "0639980410", "0639980470")
    await door.over(deposit, voice)
    entries = {(one["message"], one["number"], one["attempt"]): one for one in await received(door)}
    seen = ("is_voicemail", "heard_s", "outcome", "answerer", "ringing_at", "answered_at")
    assert {key: tuple(one[name] for name in seen) for key, one in entries.items()} == {
        (deposit, "+33639980400", 1): (True, 6, "voicemail", "machine", None, NOW),
        (deposit, "+33199000500", 1): (False, 0, "taken_by_person", "person", NOW, ahead(seconds=5)),
        (voice, "+33639980420", 1): (True, 6, "voicemail", "machine", NOW, ahead(seconds=4)),
        (voice, "+33639980411", 1): (False, 0, "busy", "unknown", None, None),
        (voice, "+33639980410", 1): (False, 0, "no_answer", "unknown", NOW, None),
        (voice, "+33639980470", 1): (False, 0, "congestion", "unknown", None, None),
        (voice, "+33639980470", 2): (False, 6, "answered", "person", NOW, ahead(seconds=4)),
    }
    assert all((one["audio"] is None) == (one["heard_s"] == 0) for one in entries.values())
    (mail,) = (await door.get("sandbox/inbox"))["mails"]
    assert list(mail) == ["to", "subject", "text", "state", "created_at", "message"]
    assert (mail["to"], mail["message"], mail["state"]) == ("mairie@example.test", deposit, "kept")
    assert deposit in mail["subject"]
    assert "Messages déposés : 1 sur 2" in mail["text"]
    assert "Coût : 0,15 €" in mail["text"]


async def test_a_text_is_shown_as_it_was_sent(door: Client) -> None:
    await door.over((await door.done("messages", {"to": ["0639980400"], "text": "Bonjour,, été."}))["id"])
    (entry,) = await received(door)
    assert (entry["text"], entry["audio_name"]) == ("Bonjour,, été.", None)


async def test_what_was_heard_can_be_heard_to_the_moment_it_was_hung_up(door: Client, token: str) -> None:
    await door.over(await sent(door, token, "0639980414", "0639980400", "0639980411"))
    entries = {one["number"]: one for one in await received(door)}
    _, whole = read_wav((await door.ask("GET", f"audio/{token}/content")).content)
    for number, seconds in (("+33639980414", 2), ("+33639980400", 5.5)):
        answer = await door.ask("GET", entries[number]["audio"].removeprefix("/v2/"))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
        encoding, heard = read_wav(answer.content)
        assert (encoding, len(heard)) == (WAVE_PCM, seconds * 16_000)
        assert whole.startswith(heard)
        part = await door.ask("GET", entries[number]["audio"].removeprefix("/v2/"), headers={"range": "bytes=44-1043"})
        assert (part.status_code, part.content) == (206, answer.content[44:1044])
    outside = await door.ask("GET", entries[number]["audio"].removeprefix("/v2/"), headers={"range": "bytes=999999-"})
    problem(outside, 416, "range_outside")
    problem(await door.ask("GET", f"sandbox/inbox/{entries['+33639980411']['id']}/audio"), 404, "not_found")


async def test_the_inbox_is_read_by_phone_by_message_and_by_page(door: Client, token: str) -> None:
    first = await sent(door, token, "0639980400", "0639980401")
    await door.over(first)
    second = await sent(door, token, "0639980400", "0639980402", "0639980403", kind="deposit", email="a@example.test")
    await door.over(second)
    assert {one["number"] for one in await received(door, message=first)} == {"+33639980400", "+33639980401"}
    of_phone = await received(door, number="06 39 98 04 00")
    assert [(one["number"], one["message"]) for one in of_phone] == [("+33639980400", first), ("+33639980400", second)]
    assert len(await received(door, number="+33639980400", message=second)) == 1
    assert (await door.get("sandbox/inbox", message=first))["mails"] == []
    assert len((await door.get("sandbox/inbox", message=second))["mails"]) == 1
    pages = await door.walk("sandbox/inbox", 2)
    ids = [int(one["id"]) for page in pages for one in page]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert ids == sorted(ids, reverse=True)
    problem(await door.ask("GET", "sandbox/inbox", params={"number": "nobody"}), 400, "destination_invalid")
    for message in ("0000000000", "x"):
        problem(await door.ask("GET", "sandbox/inbox", params={"message": message}), 404, "message_not_found")


async def test_an_emptied_inbox_holds_what_came_since_and_what_was_sent_stays_sent(
    door: Client, token: str, house: House
) -> None:
    first = await sent(door, token, kind="deposit", email="mairie@example.test")
    await door.over(first)
    (entry,) = await received(door)
    before = {path: await door.get(path) for path in ("messages", "credit", "ledger", f"messages/{first}/calls")}
    answer = await door.ask("DELETE", "sandbox/inbox")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await door.get("sandbox/inbox") == {"items": [], "mails": [], "next": None}
    problem(await door.ask("GET", f"sandbox/inbox/{entry['id']}/audio"), 404, "not_found")
    assert {path: await door.get(path) for path in before} == before
    second = await sent(door, token)
    await door.over(second)
    assert [one["message"] for one in await received(door)] == [second]
    assert await check_ledger(house) == []


# The clock


async def test_the_clock_is_moved_on_through_a_schedule_a_retry_and_credit_that_lapses(
    slow: Client, account: OpenedAccount, token: str, house: House, clock: ManualClock
) -> None:
    ref = AccountRef(account.account, Mode.SANDBOX)
    lapsing = GrantTerms(GrantKind.PROMOTIONAL, clock.now() + timedelta(days=2))
    await top_up(house, ref, 5 * EURO, "gift", terms=lapsing)
    retries = {"most": 1, "spacing_s": 3_600}
    message = await sent(slow, token, "0639980411", "0639980400", at="2026-01-14T09:00:00Z", retries=retries)
    assert await slow.balance() == (15 * EURO - 12_000, 12_000)
    moved = await slow.done("sandbox/advance", {"seconds": 86_400})
    assert moved == {"now": ahead(days=1), "is_quiet": True}
    entries = await received(slow)
    assert {(one["number"], one["attempt"], one["dialed_at"], one["ended_at"]) for one in entries} == {
        ("+33639980411", 1, "2026-01-14T09:00:00Z", "2026-01-14T09:00:00Z"),
        ("+33639980411", 2, "2026-01-14T10:00:00Z", "2026-01-14T10:00:00Z"),
        ("+33639980400", 1, "2026-01-14T09:00:00Z", "2026-01-14T09:00:10Z"),
    }
    seen = await slow.get(f"messages/{message}")
    assert (seen["state"], seen["finished_at"], seen["settled_micros"]) == ("finished", "2026-01-14T10:00:00Z", 6_000)
    assert await slow.balance() == (15 * EURO - 6_000, 0)
    assert (await slow.done("sandbox/advance", {"seconds": 86_400}))["now"] == ahead(days=2)
    assert await slow.balance() == (10 * EURO, 0), "what lapsed was what was left of the gift"
    expiry = (await slow.get("ledger", limit=100))["items"][-1]
    assert (expiry["kind"], expiry["amount_micros"]) == ("expiry", 5 * EURO - 6_000)
    assert await check_ledger(house) == []


async def test_a_sandboxs_clock_is_its_own(
    slow: Client, account: OpenedAccount, stranger: OpenedAccount, token: str
) -> None:
    async def shown(key: str) -> str:
        quote = await Client(slow.http, key).done("quotes", {"to": ["0639980400"], "text": "Bonjour."})
        return str(quote["begins_at"])

    for seconds in (30, 60):
        await slow.done("sandbox/advance", {"seconds": seconds})
    assert await shown(account.test_key) == ahead(seconds=90)
    assert [await shown(key) for key in (account.live_key, stranger.test_key, stranger.live_key)] == [NOW] * 3
    made = await slow.done("messages", {"to": ["0639980400"], "audio": token, "at": ahead(seconds=91)})
    assert (made["created_at"], made["state"]) == (ahead(seconds=90), "scheduled")
    order = {"to": ["0639980400"], "audio": token, "at": ahead(seconds=90)}
    problem(await slow.post("messages", order), 400, "scheduled_date_invalid")


async def test_calls_under_way_go_on_when_the_clock_is_moved(slow: Client, token: str) -> None:
    message = await sent(slow, token, "0639980400")
    await slow.until(f"messages/{message}/calls", state="ringing")
    for seconds, state in ((3, "ringing"), (1, "answered"), (5, "answered"), (1, "finished")):
        assert (await slow.done("sandbox/advance", {"seconds": seconds}))["is_quiet"]
        await slow.until(f"messages/{message}/calls", state=state)
    (entry,) = await received(slow)
    assert (entry["answered_at"], entry["ended_at"]) == (ahead(seconds=4), ahead(seconds=10))


async def test_a_move_that_cannot_be_is_refused(slow: Client) -> None:
    most = int(FARTHEST.total_seconds())
    for body in ({"seconds": 0}, {"seconds": -1}, {"seconds": most + 1}, {"seconds": 1.5}, {"seconds": "1"}, {}, []):
        problem(await slow.post("sandbox/advance", body), 400, "invalid_value")
    assert (await slow.done("sandbox/advance", {"seconds": most}))["now"] == ahead(days=366)


async def test_the_clock_goes_no_further_than_ten_years_however_often_it_is_moved(slow: Client) -> None:
    most, days = int(FARTHEST.total_seconds()), 0
    while (answer := await slow.post("sandbox/advance", {"seconds": most})).status_code == 200:
        days += FARTHEST.days
        assert days <= FARTHEST_AHEAD.days
    problem(answer, 400, "invalid_value")
    assert days == FARTHEST_AHEAD.days
    moved = datetime.fromisoformat((await slow.done("quotes", {"to": ["0639980400"], "text": "a"}))["begins_at"])
    assert moved == BEGINNING + FARTHEST_AHEAD
    assert (await slow.ask("POST", "sandbox/reset")).status_code == 204
    assert (await slow.done("sandbox/advance", {"seconds": 1}))["now"] == ahead(seconds=1)


async def test_what_has_not_happened_in_time_is_told(
    account: OpenedAccount, token: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "QUIET_TIMEOUT_S", 0.05)
    async with serve(**SLOW, account_calls_at_once=1) as http:
        door = Client(http, account.test_key)
        message = await sent(door, token, "0639980000", "0639980001")
        await door.until(f"messages/{message}/calls", state="answered")
        assert await door.done("sandbox/advance", {"seconds": 1}) == {"now": ahead(seconds=1), "is_quiet": False}


# A new beginning


@pytest.mark.parametrize("spent_euros", [0, 150], ids=["less than it began with", "more than it began with"])
async def test_a_reset_leaves_a_hundred_euros_and_nothing_under_way(
    account: OpenedAccount, token: str, serve: Serve, house: House, receiver: Receiver, spent_euros: int
) -> None:
    receiver.answers.append(Answer(500, {"Retry-After": "3600"}))
    if spent_euros:
        await top_up(house, AccountRef(account.account, Mode.SANDBOX), spent_euros * EURO, "gift")
    async with serve(**SLOW, webhooks_allow="127.0.0.0/8") as http:
        door, live = Client(http, account.test_key), Client(http, account.live_key)
        twin = await live.balance()
        told = await sent(door, token, "0639980411", notify_url=receiver.url("/hook"))
        await door.over(told)
        await door.tried()
        await door.done("sandbox/advance", {"seconds": 3_600})
        under_way = await sent(door, token, "0639989900", notify_url=receiver.url("/hook"))
        await door.until(f"messages/{under_way}/calls", state="ringing")
        waiting = await sent(door, token, at=LATER)
        paused = await sent(door, token, at=LATER)
        await door.done(f"messages/{paused}/pause")
        again = await sent(door, token, "0639980411", retries={"most": 1, "spacing_s": 60})
        await door.until(f"messages/{again}/calls", state="scheduled")
        deposit = await sent(door, token, "0639980421", kind="deposit", email="mairie@example.test")
        await door.over(deposit)
        assert (await door.balance())[1] == 4 * 6_000

        answer = await door.ask("POST", "sandbox/reset")
        assert (answer.status_code, answer.content) == (204, b"")

        assert await door.balance() == (100 * EURO, 0)
        assert await door.get("sandbox/inbox") == {"items": [], "mails": [], "next": None}
        states = {
            one["id"]: (one["state"], one["open"], one["held_micros"]) for one in (await door.get("messages"))["items"]
        }
        assert states == {
            **dict.fromkeys((told, deposit), ("finished", 0, 0)),
            **dict.fromkeys((under_way, waiting, paused, again), ("cancelled", 0, 0)),
        }
        assert {one["state"] for one in (await door.get("webhooks"))["items"]} == {"dead"}
        assert await live.balance() == twin == (10 * EURO, 0)
        assert await check_ledger(house) == []

        fresh = await sent(door, token, "0639980400")
        await door.until(f"messages/{fresh}/calls", state="ringing")
        moved = await door.done("sandbox/advance", {"seconds": 60})
        assert moved == {"now": ahead(seconds=60), "is_quiet": True}, "the clock was set right"
        assert [one["message"] for one in await received(door)] == [fresh]
        assert await door.balance() == (100 * EURO - 6_000, 0)
    assert len(receiver.received) == 1
    assert await check_ledger(house) == []


async def test_a_reset_is_a_line_of_the_ledger_and_a_second_one_is_none(door: Client, house: House) -> None:
    await door.ask("POST", "sandbox/reset")
    lines = (await door.get("ledger"))["items"]
    assert [(line["kind"], line["amount_micros"], line["reason"]) for line in lines] == [
        ("top_up", 10 * EURO, "opening credit"),
        ("adjustment_credit", 90 * EURO, "the sandbox begins anew"),
    ]
    await door.ask("POST", "sandbox/reset")
    assert (await door.get("ledger"))["items"] == lines
    assert await check_ledger(house) == []


async def test_the_magic_numbers_are_listed(door: Client) -> None:
    items = (await door.get("sandbox/numbers"))["items"]
    assert {one["code"] for one in items} == {*(f"{code:02}" for code in BEHAVIOURS), "80-89"}
    assert all(list(one) == ["code", "example", "meaning"] and one["meaning"] for one in items)
    assert {one["example"] for one in items} >= {"+33639980400", "+33639980411", "+33639980480"}
