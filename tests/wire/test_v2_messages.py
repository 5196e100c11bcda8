"""/v2/quotes and /v2/messages: priced, sent, seen, held back and stopped, all of it or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from portevoix.domain.account import State
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, change_state, open_account, verify_sender
from portevoix.service.credit import check_ledger
from tests.conftest import Serve
from tests.store.test_calls import Number
from tests.wire.modern import FAST, LATER, SLOW, Client, problem
from tests.wire.sound import keep

MOBILE, OTHER_MOBILE, LANDLINE, OVERSEAS = "0639980000", "+33639980001", "01 99 00 00 00", "0692 00 00 00"

#: What 6 s cost to a mobile, to a landline, and overseas, where 30 s are the least.
MOBILE_MICROS, LANDLINE_MICROS, OVERSEAS_MICROS = 6_000, 3_000, 120_000
DEPOSIT_MICROS = 150_000

MESSAGE = (
    *("id", "kind", "state", "recipients", "open", "delivered", "undelivered", "cancelled"),
    *("reserved_micros", "settled_micros", "held_micros", "duration_s", "audio", "audio_name", "text", "lang"),
    *("sender", "notify_url", "email", "retries", "is_scheduled", "at", "created_at", "finished_at", "eta"),
    "calls_erased_at",
)
FULL = (10 * MICROS_PER_EURO, 0)


async def untouched(door: Client, house: House) -> None:
    """Check that nothing was charged, and nothing sent."""
    assert await door.balance() == FULL
    assert (await door.get("messages"))["items"] == []
    assert await check_ledger(house) == []


# What is taken


async def test_a_message_is_answered_with_what_it_is_and_can_cost(door: Client, token: str) -> None:
    order = {
        "kind": "deposit",
        "to": [MOBILE, LANDLINE],
        "audio": token,
        "at": "2026-02-01T11:00:00+01:00",
        "notify_url": "https://Example.test/hook?a=1#part",
        "email": "Mairie@Example.TEST",
        "sender": "06 39 98 12 34",
        "retries": {"most": 2, "spacing_s": 60},
        "nobody_knows": ["this", {"field": 1}],
    }
    answer = await door.post("messages", order)
    made = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert tuple(made) == MESSAGE
    assert len(made["id"]) == 10
    assert made | {"id": ""} == {
        "id": "",
        "kind": "deposit",
        "state": "scheduled",
        "recipients": 2,
        "open": 2,
        "delivered": 0,
        "undelivered": 0,
        "cancelled": 0,
        "reserved_micros": 300_000,
        "settled_micros": 0,
        "held_micros": 300_000,
        "duration_s": 5.5,
        "audio": token,
        "audio_name": "annonce",
        "text": None,
        "lang": None,
        "sender": "+33639981234",
        "notify_url": "https://example.test/hook?a=1",
        "email": "Mairie@example.test",
        "retries": {"most": 2, "spacing_s": 60},
        "is_scheduled": True,
        "at": LATER,
        "created_at": "2026-01-13T11:35:00Z",
        "finished_at": None,
        "eta": "2026-02-01T10:00:06Z",
        "calls_erased_at": None,
    }
    assert await door.get(f"messages/{made['id']}") == made
    assert (await door.get("messages"))["items"] == [made]


async def test_a_text_is_measured_as_it_is_spoken_and_shown_as_it_was_sent(door: Client) -> None:
    order = {"to": [MOBILE], "text": "un ,,,,,, deux", "lang": "fr_FR", "speech_rate": "9", "at": LATER}
    made = (await door.post("messages", order)).json()
    spoken = await door.post("speech", {"text": order["text"], "speech_rate": 2, "encoding": "alaw"})
    assert (made["text"], made["lang"], made["audio"], made["audio_name"]) == ("un ,,,,,, deux", "fr-fr", None, None)
    assert made["duration_s"] == pytest.approx((len(spoken.content) - 58) / 8_000, abs=0.01)
    assert made["reserved_micros"] == -(-int(made["duration_s"] * 1_000) // 1_000) * 1_000


async def test_a_text_with_a_character_that_nobody_can_keep_is_sent_without_it(door: Client) -> None:
    made = (await door.post("messages", {"to": [MOBILE], "text": "Bon\x00jour", "at": LATER})).json()
    assert made["text"] == "Bonjour"


async def test_each_recipient_is_called_once_however_it_is_written(door: Client, token: str) -> None:
    order = {"to": [MOBILE, "+33 6 39 98 00 00", "", "0033639980000", OTHER_MOBILE], "audio": token, "at": LATER}
    made = await door.done("messages", order)
    calls = (await door.get(f"messages/{made['id']}/calls"))["items"]
    assert (made["recipients"], [call["to"] for call in calls]) == (2, ["+33639980000", "+33639980001"])


async def test_what_is_quoted_is_what_is_set_aside(door: Client, token: str, house: House) -> None:
    order = {"to": [MOBILE, LANDLINE, OVERSEAS], "audio": token, "at": LATER}
    quote = await door.done("quotes", order)
    assert tuple(quote) == (
        *("recipients", "refused", "duration_s", "billable_s", "total_micros", "items"),
        *("begins_at", "ends_at", "is_affordable"),
    )
    total = MOBILE_MICROS + LANDLINE_MICROS + OVERSEAS_MICROS
    assert quote == {
        "recipients": 3,
        "refused": [],
        "duration_s": 5.5,
        "billable_s": 6,
        "total_micros": total,
        "items": [
            {"to": "+33639980000", "product": "voice_mobile", "most_micros": MOBILE_MICROS},
            {"to": "+33199000000", "product": "voice_landline", "most_micros": LANDLINE_MICROS},
            {"to": "+262692000000", "product": "voice_mobile", "most_micros": OVERSEAS_MICROS},
        ],
        "begins_at": LATER,
        "ends_at": "2026-02-01T10:00:06Z",
        "is_affordable": True,
    }
    await untouched(door, house)
    made = await door.done("messages", order)
    assert made["reserved_micros"] == made["held_micros"] == total
    assert await door.balance() == (FULL[0] - total, total)
    assert await check_ledger(house) == []


async def test_a_quote_lists_what_cannot_be_called_and_prices_the_rest(door: Client, token: str, house: House) -> None:
    order = {"to": ["3615", MOBILE, "+1 212 555 0100", "0639980040", "x" * 50], "audio": token}
    quote = await door.done("quotes", order)
    assert [(one["value"], one["line"]) for one in quote["refused"]] == [
        *(("3615", None), ("x" * 40, None), ("+12125550100", None), ("+33639980040", None)),
    ]
    assert all(one["reason"] for one in quote["refused"])
    assert (quote["recipients"], quote["total_micros"]) == (1, MOBILE_MICROS)
    await untouched(door, house)


async def test_a_quote_tells_whether_the_credit_covers_it(house: House, serve: Serve) -> None:
    poor = await open_account(house, "Pauvre", sandbox_micros=2 * MOBILE_MICROS)
    token = (await keep(house, poor.account, "annonce", 44_000, mode=Mode.SANDBOX)).token
    async with serve(**FAST) as http:
        door = Client(http, poor.test_key)
        two = {"to": [MOBILE, OTHER_MOBILE], "audio": token, "at": LATER}
        three = two | {"to": [*two["to"], "0639980002"]}
        assert [(await door.done("quotes", order))["is_affordable"] for order in (two, three)] == [True, False]
        problem(await door.post("messages", three), 402, "insufficient_credit")
        assert (await door.post("messages", two)).status_code == 201
        assert await door.balance() == (0, 2 * MOBILE_MICROS)
        problem(await door.post("messages", {"to": [MOBILE], "audio": token}), 402, "insufficient_credit")
    assert await check_ledger(house) == []


# What is refused


WRONG: list[tuple[dict[str, object], int, str]] = [
    ({"to": []}, 400, "phone_number_required"),
    ({"to": ["", " "]}, 400, "phone_number_required"),
    ({"to": None}, 400, "invalid_value"),
    ({"to": MOBILE}, 400, "invalid_value"),
    ({"to": [33639980000]}, 400, "invalid_value"),
    ({"audio": None}, 400, "text_required"),
    ({"audio": None, "text": " \n"}, 400, "text_required"),
    ({"audio": None, "text": "\0"}, 400, "text_required"),
    ({"audio": None, "text": "a" * 2_001}, 400, "text_too_long"),
    ({"audio": None, "text": "a", "lang": "!"}, 400, "lang_invalid"),
    ({"audio": None, "text": "a", "lang": "xx"}, 400, "lang_invalid"),
    ({"audio": None, "text": "a", "speech_rate": "vite"}, 400, "speech_rate_invalid"),
    ({"text": "and a recording"}, 400, "invalid_value"),
    ({"audio": "0" * 32}, 404, "audio_not_found"),
    ({"audio": "nonsense"}, 404, "audio_not_found"),
    ({"kind": "fax"}, 400, "invalid_value"),
    ({"kind": "deposit", "audio": None, "text": "a"}, 400, "invalid_value"),
    ({"email": "mairie@example.test"}, 400, "invalid_value"),
    ({"kind": "deposit", "email": "nobody"}, 400, "email_invalid"),
    ({"kind": "deposit", "sender": "Mairie"}, 400, "sender_invalid"),
    ({"notify_url": "ftp://example.test"}, 400, "notify_url_invalid"),
    ({"notify_url": "https://user:secret@example.test"}, 400, "notify_url_invalid"),
    ({"at": "2026-01-13T11:35:00Z"}, 400, "scheduled_date_invalid"),
    ({"at": "2026-01-13T12:34:59+01:00"}, 400, "scheduled_date_invalid"),
    ({"at": "2027-01-14T11:35:01Z"}, 400, "scheduled_date_invalid"),
    ({"at": "0001-01-01T00:00:00+14:00"}, 400, "scheduled_date_invalid"),
    ({"at": "9999-12-31T23:59:59-14:00"}, 400, "scheduled_date_invalid"),
    ({"at": "2026-02-01T10:00:00"}, 400, "invalid_value"),
    ({"at": "2026-02-30T10:00:00Z"}, 400, "invalid_value"),
    ({"at": 1_770_000_000}, 400, "invalid_value"),
    ({"retries": {"most": 6}}, 400, "invalid_value"),
    ({"retries": {"most": -1}}, 400, "invalid_value"),
    ({"retries": {"spacing_s": 59}}, 400, "invalid_value"),
    ({"retries": {"spacing_s": 86_401}}, 400, "invalid_value"),
]


@pytest.mark.parametrize("path", ["quotes", "messages"])
async def test_an_order_that_is_wrong_is_refused_and_charges_nothing(
    door: Client, token: str, house: House, path: str
) -> None:
    for change, status, code in WRONG:
        problem(await door.post(path, {"to": [MOBILE], "audio": token} | change), status, code)
    await untouched(door, house)


async def test_a_body_that_is_no_order_is_told(door: Client, house: House) -> None:
    for body in (b"", b"{", b"[]", b'"to"', b'{"to": ["1"],}', b"\xff", b"[" * 100_000, b"null"):
        problem(await door.post("messages", content=body), 400, "invalid_value")
    await untouched(door, house)


async def test_one_bad_number_refuses_all_and_every_bad_one_is_named(door: Client, token: str, house: House) -> None:
    order = {"to": ["0836651234", MOBILE, "112", "+1 212 555 0100", "0639980040", "=cmd"], "audio": token}
    told = problem(await door.post("messages", order), 400, "destination_invalid", "errors")
    assert [one["value"] for one in told["errors"]] == ["0836651234", "112", "=cmd", "+12125550100", "+33639980040"]
    assert all(list(one) == ["value", "line", "reason"] and one["line"] is None for one in told["errors"])
    await untouched(door, house)


async def test_beyond_a_thousand_bad_numbers_are_counted(door: Client, token: str, house: House) -> None:
    order = {"to": [f"bad {number}" for number in range(1_234)], "audio": token}
    told = problem(await door.post("messages", order), 400, "destination_invalid", "errors", "more")
    assert (len(told["errors"]), told["more"]) == (1_000, 234)
    assert told["detail"].startswith("1234 ")
    await untouched(door, house)


async def test_there_is_a_most_of_recipients_bad_ones_counted(
    account: OpenedAccount, token: str, serve: Serve, house: House
) -> None:
    async with serve(**FAST, most_recipients=3) as http:
        door = Client(http, account.test_key)
        order = {"audio": token, "at": LATER}
        four = order | {"to": [MOBILE, OTHER_MOBILE, LANDLINE, "bad"]}
        problem(await door.post("messages", four), 400, "phone_number_size_error")
        problem(await door.post("messages", content=b" " * 70_000), 413, "body_too_large")
        await untouched(door, house)
        three = order | {"to": [MOBILE, OTHER_MOBILE, LANDLINE, MOBILE]}
        assert (await door.post("messages", three)).status_code == 201


async def test_a_sender_must_have_been_verified(account: OpenedAccount, serve: Serve, house: House) -> None:
    recording = await keep(house, account.account, "annonce", 44_000)
    order = {"kind": "deposit", "to": [MOBILE], "audio": recording.token, "sender": "01 99 00 00 01", "at": LATER}
    async with serve(**FAST) as http:
        live = Client(http, account.live_key)
        problem(await live.post("messages", order), 403, "sender_not_authorized")
        await untouched(live, house)
        await verify_sender(house, AccountRef(account.account), Number.parse("01 99 00 00 01"))
        problem(await live.post("messages", order), 400, "destination_invalid", "errors")  # no trunk calls fiction


async def test_an_account_that_was_blocked_sends_nothing(
    door: Client, account: OpenedAccount, token: str, house: House
) -> None:
    await change_state(house, AccountRef(account.account), State.BLOCKED)
    problem(await door.post("messages", {"to": [MOBILE], "audio": token}), 403, "account_blocked")
    await change_state(house, AccountRef(account.account), State.ACTIVE)
    await untouched(door, house)


# What the sandbox does wrong on purpose


async def test_the_sandbox_refuses_on_purpose(door: Client, token: str, house: House) -> None:
    order = {"audio": token, "at": LATER}
    too_many = await door.post("messages", order | {"to": [MOBILE, "0639980051"]})
    problem(too_many, 429, "rate_limited")
    assert int(too_many.headers["retry-after"]) >= 1
    problem(await door.post("messages", order | {"to": ["0639980042"]}), 402, "insufficient_credit")
    await untouched(door, house)


async def test_an_answer_that_is_spoiled_is_there_for_the_repeat(door: Client, token: str) -> None:
    order = {"audio": token, "to": ["0639980050"], "at": LATER}
    problem(await door.post("messages", order, key="k"), 500, "defect")
    again = await door.post("messages", order, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert (await door.get("messages"))["items"] == [again.json()]


async def test_an_answer_that_never_comes_is_there_for_the_repeat(door: Client, token: str) -> None:
    order = {"audio": token, "to": ["0639980052"], "at": LATER}
    async with door.events() as events:
        lost = asyncio.create_task(door.post("messages", order, key="k"))
        accepted = await events.event()
        assert accepted["type"] == "message.accepted"
        assert not lost.done()
        lost.cancel()
        again = await door.post("messages", order, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json()["id"] == accepted["data"]["message"]


async def test_live_keys_meet_no_faults_on_purpose(account: OpenedAccount, serve: Serve, house: House) -> None:
    recording = await keep(house, account.account, "annonce", 44_000)
    numbers = [f"06399800{code}" for code in (40, 42, 50, 51, 52)]
    async with serve(**FAST) as http:
        refused = await Client(http, account.live_key).post(
            "messages", {"to": numbers, "audio": recording.token, "at": LATER}
        )
    assert refused.status_code == 400
    assert [error["reason"] for error in refused.json()["errors"]] == ["a number of fiction: nobody has it"] * 5


# What is seen of it


async def test_messages_are_listed_newest_first_a_page_at_a_time(door: Client, stranger: OpenedAccount) -> None:
    made = [await door.done("messages", {"to": [MOBILE], "text": "a", "at": LATER}) for _ in range(5)]
    pages = await door.walk("messages", 2)
    assert [[one["id"] for one in page] for page in pages] == [
        [made[4]["id"], made[3]["id"]],
        [made[2]["id"], made[1]["id"]],
        [made[0]["id"]],
    ]
    after = (await door.get("messages", limit=2))["next"]
    other = await Client(door.http, stranger.test_key).get("messages", after=after)
    assert other == {"items": [], "next": None}


async def test_a_page_that_cannot_be_is_told(door: Client) -> None:
    limits = [{"limit": limit} for limit in ("0", "101", "x", "-1")]
    places = [{"after": after} for after in ("x", "-1", "1" * 40, "1 OR 1=1", "\u0661", "1\x00", " 1")]
    for path in ("messages", "ledger", "webhooks", "sandbox/inbox", "audio"):
        for query in (*limits, *places):
            problem(await door.ask("GET", path, params=query), 400, "invalid_value")


async def test_a_message_tells_how_far_it_is_and_what_it_has_cost(
    slow: Client, account: OpenedAccount, token: str, house: House
) -> None:
    order = {"to": ["0639980400", "0639980411", "0639980410"], "audio": token, "at": "2026-01-13T11:45:00Z"}
    made = await slow.done("messages", order)
    seen = [made]
    for seconds in (600, 8, 10):
        await slow.done("sandbox/advance", {"seconds": seconds})
        seen.append(await slow.get(f"messages/{made['id']}"))
    counts = ("state", "open", "delivered", "undelivered", "settled_micros", "held_micros")
    assert [tuple(one[name] for name in counts) for one in seen] == [
        ("scheduled", 3, 0, 0, 0, 18_000),
        ("active", 2, 0, 1, 0, 12_000),
        ("active", 1, 0, 2, 0, 6_000),
        ("finished", 0, 1, 2, 5_500 + 500, 0),
    ]
    assert [one["eta"] for one in seen] == [
        "2026-01-13T11:45:06Z",
        "2026-01-13T11:45:06Z",
        "2026-01-13T11:45:14Z",
        None,
    ]
    assert [one["finished_at"] for one in seen] == [None, None, None, "2026-01-13T11:45:10Z"]
    assert await slow.balance() == (FULL[0] - 6_000, 0)
    assert await check_ledger(house) == []


# Held back and stopped


async def test_what_is_paused_begins_when_it_is_resumed(slow: Client, token: str) -> None:
    path = f"messages/{(await slow.done('messages', {'to': [MOBILE], 'audio': token, 'at': LATER}))['id']}"
    paused = [await slow.done(f"{path}/pause") for _ in range(2)]
    assert [(one["state"], one["eta"]) for one in paused] == [("paused", None)] * 2
    await slow.done("sandbox/advance", {"seconds": 30 * 86_400})
    assert (await slow.get(path))["state"] == "paused"
    assert (await slow.get("sandbox/inbox"))["items"] == []
    resumed = [await slow.done(f"{path}/resume") for _ in range(2)]
    assert [one["state"] for one in resumed] == ["active"] * 2
    await slow.done("sandbox/advance", {"seconds": 60})
    assert (await slow.get(path))["state"] == "finished"
    for change in ("pause", "resume", "cancel"):
        problem(await slow.post(f"{path}/{change}"), 409, "message_begun")


async def test_what_is_cancelled_before_it_begins_costs_nothing(door: Client, token: str, house: House) -> None:
    made = await door.done("messages", {"to": [MOBILE, OTHER_MOBILE], "audio": token, "at": LATER})
    cancelled = await door.done(f"messages/{made['id']}/cancel")
    assert tuple(cancelled) == (*MESSAGE, "released_micros")
    assert cancelled["released_micros"] == 2 * MOBILE_MICROS
    assert {name: cancelled[name] for name in MESSAGE} == made | {
        "state": "cancelled",
        "open": 0,
        "cancelled": 2,
        "held_micros": 0,
        "eta": None,
        "calls_erased_at": None,
        "finished_at": "2026-01-13T11:35:00Z",
    }
    assert await door.balance() == FULL
    for change in ("pause", "resume", "cancel"):
        problem(await door.post(f"messages/{made['id']}/{change}"), 409, "message_begun")
    assert await check_ledger(house) == []


async def test_calls_under_way_go_on_when_their_message_is_cancelled(
    account: OpenedAccount, token: str, serve: Serve, house: House
) -> None:
    async with serve(**SLOW, account_calls_at_once=1) as http:
        slow = Client(http, account.test_key)
        made = await slow.done("messages", {"to": [MOBILE, OTHER_MOBILE, "0639980002"], "audio": token})
        await slow.until(f"messages/{made['id']}/calls", state="answered")
        cancelled = await slow.done(f"messages/{made['id']}/cancel")
        assert [cancelled[name] for name in ("state", "open", "cancelled", "released_micros", "held_micros")] == [
            *("cancelled", 1, 2, 2 * MOBILE_MICROS, MOBILE_MICROS)
        ]
        await slow.done("sandbox/advance", {"seconds": 60})
        over = await slow.get(f"messages/{made['id']}")
        assert [over[name] for name in ("state", "open", "delivered", "cancelled", "settled_micros")] == [
            *("cancelled", 0, 1, 2, MOBILE_MICROS)
        ]
        assert await slow.balance() == (FULL[0] - MOBILE_MICROS, 0)
    assert await check_ledger(house) == []


async def test_a_recording_that_is_to_be_played_stays(door: Client, token: str) -> None:
    made = await door.done("messages", {"to": [MOBILE], "audio": token, "at": LATER})
    problem(await door.ask("DELETE", f"audio/{token}"), 409, "audio_in_use")
    await door.done(f"messages/{made['id']}/cancel")
    assert (await door.ask("DELETE", f"audio/{token}")).status_code == 204
    seen: dict[str, Any] = await door.get(f"messages/{made['id']}")
    assert (seen["audio"], seen["audio_name"]) == (None, "annonce")
