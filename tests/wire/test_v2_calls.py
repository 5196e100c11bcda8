"""/v2/messages/{message}/calls and /v2/calls: what became of each recipient, in JSON, in CSV, step by step."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from portevoix.api.v2.wire.messages import CSV_COLUMNS, MOST_CALLS, neutral
from portevoix.domain.ids import Mode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount
from portevoix.service.credit import check_ledger
from portevoix.service.sent import CALLS_AT_ONCE
from tests.store.test_calls import numbers
from tests.wire.modern import LATER, Client, problem
from tests.wire.sound import keep

CALL = (
    *("id", "to", "product", "state", "outcome", "cause", "duration_s"),
    *("reserved_micros", "cost_micros", "attempts", "at", "ended_at"),
)
BEGINNING = "2026-01-13T11:35:00Z"

#: What becomes of phones that ring for 4 s, of a message of 5.5 s: state, outcome, cause, seconds, cost, attempts, end.
FATES: dict[str, tuple[Any, ...]] = {
    "0639980400": ("finished", "answered", 200, 6, 6_000, 1, "2026-01-13T11:35:10Z"),
    "0639980411": ("failed", "busy", 486, 0, 0, 1, BEGINNING),
    "0639980410": ("failed", "no_answer", 487, 0, 0, 1, "2026-01-13T11:35:04Z"),
    "0639980412": ("failed", "declined", 603, 0, 0, 1, "2026-01-13T11:35:04Z"),
    "0639980413": ("failed", "unreachable", 480, 0, 0, 1, BEGINNING),
    "0639980414": ("finished", "answered", 200, 2, 2_000, 1, "2026-01-13T11:35:06Z"),
    "0639980420": ("finished", "voicemail", 200, 6, 6_000, 1, "2026-01-13T11:35:10Z"),
    "0639980441": ("failed", "opted_out", 607, 0, 0, 1, BEGINNING),
    "0639980470": ("finished", "answered", 200, 6, 6_000, 2, "2026-01-13T11:35:10Z"),
    "0199000400": ("finished", "answered", 200, 6, 3_000, 1, "2026-01-13T11:35:10Z"),
}


async def sent(door: Client, token: str, to: list[str], **order: Any) -> str:
    """Send a message, and wait until it is over; returns its id."""
    message: str = (await door.done("messages", {"to": to, "audio": token, **order}))["id"]
    if "at" not in order:
        await door.over(message)
    return message


async def test_each_call_tells_what_became_of_it_and_what_it_cost(door: Client, token: str, house: House) -> None:
    message = await sent(door, token, list(FATES))
    page = await door.get(f"messages/{message}/calls")
    assert page["next"] is None
    assert all(tuple(call) == CALL for call in page["items"])
    told = ("state", "outcome", "cause", "duration_s", "cost_micros", "attempts", "ended_at")
    assert {f"0{call['to'][3:]}": tuple(call[name] for name in told) for call in page["items"]} == FATES
    assert [call["id"] for call in page["items"]] == [f"{message}-{place}" for place in range(1, len(FATES) + 1)]
    assert {call["product"] for call in page["items"][:-1]} == {"voice_mobile"}
    assert (page["items"][-1]["product"], page["items"][-1]["reserved_micros"]) == ("voice_landline", 3_000)
    whole = await door.get(f"messages/{message}")
    assert whole["settled_micros"] == sum(call["cost_micros"] for call in page["items"])
    assert (whole["delivered"], whole["undelivered"]) == (5, 5)
    assert await check_ledger(house) == []


async def test_a_call_that_has_not_begun_has_neither_outcome_nor_cost(door: Client, token: str) -> None:
    message = await sent(door, token, ["0639980400"], at=LATER)
    (call,) = (await door.get(f"messages/{message}/calls"))["items"]
    assert tuple(call) == CALL
    assert tuple(call.values()) == (
        *(f"{message}-1", "+33639980400", "voice_mobile", "scheduled", None, None, None),
        *(6_000, None, 0, LATER, None),
    )


async def test_calls_come_a_page_at_a_time_and_by_their_state(door: Client, token: str) -> None:
    message = await sent(door, token, [*(str(one) for one in numbers(7)), *(str(one) for one in numbers(4, code=11))])
    path = f"messages/{message}/calls"
    pages = await door.walk(path, 3)
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    flat = [call["id"] for page in pages for call in page]
    assert flat == [f"{message}-{place}" for place in range(1, 12)]
    failed = await door.walk(path, 3, state="failed")
    assert [[call["id"] for call in page] for page in failed] == [
        [f"{message}-{place}" for place in places] for places in ((8, 9, 10), (11,))
    ]
    assert (await door.get(path, state="ready"))["items"] == []
    assert len((await door.get(path, limit=MOST_CALLS))["items"]) == 11
    for query in ({"limit": MOST_CALLS + 1}, {"state": "x"}, {"after": "x"}, {"format": "xml"}, {"after": "-1"}):
        problem(await door.ask("GET", path, params=query), 400, "invalid_value")


# As a file


async def test_all_calls_are_in_the_file_whatever_the_limit(door: Client, token: str) -> None:
    message = await sent(door, token, list(FATES))
    path = f"messages/{message}/calls"
    asked = [
        await door.ask("GET", path, params={"format": "csv", "limit": 1}),
        await door.ask("GET", path, headers={"accept": "text/csv"}),
        await door.ask("GET", path, headers={"accept": "text/html, text/CSV;q=0.9"}),
    ]
    assert {(answer.status_code, answer.headers["content-type"]) for answer in asked} == {
        (200, "text/csv; charset=utf-8")
    }
    assert {answer.headers["content-disposition"] for answer in asked} == {
        f'attachment; filename="{message}-calls.csv"'
    }
    assert {answer.headers["cache-control"] for answer in asked} == {"no-store"}
    assert len({answer.content for answer in asked}) == 1
    assert b"\r\n" in asked[0].content
    head, *rows = list(csv.reader(io.StringIO(asked[0].text, newline="")))
    assert tuple(head) == CSV_COLUMNS
    calls = (await door.get(path))["items"]
    assert rows == [
        [
            *(call["id"], call["to"], call["product"], call["state"], call["outcome"], str(call["cause"])),
            *(str(call["duration_s"]), f"{call['cost_micros'] / 1_000_000:g}", str(call["attempts"])),
            *(call["at"], call["ended_at"]),
        ]
        for call in calls
    ]


async def test_json_is_what_those_get_who_take_both(door: Client, token: str) -> None:
    path = f"messages/{await sent(door, token, ['0639980400'], at=LATER)}/calls"
    for accept in ("application/json, text/csv", "*/*", "text/html"):
        answer = await door.ask("GET", path, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json"
    answer = await door.ask("GET", path, params={"format": "json"}, headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "application/json"


async def test_the_file_can_be_a_part_and_can_be_empty_of_calls(door: Client, token: str) -> None:
    path = f"messages/{await sent(door, token, list(FATES))}/calls"
    answer = await door.ask("GET", path, params={"format": "csv", "state": "failed", "after": "3"})
    assert [row[1][-2:] for row in csv.reader(io.StringIO(answer.text))] == ["er", "12", "13", "41"]
    empty = await door.ask("GET", path, params={"format": "csv", "state": "uncertain"})
    assert list(csv.reader(io.StringIO(empty.text))) == [list(CSV_COLUMNS)]


async def test_no_cell_of_the_file_is_a_formula(door: Client, token: str) -> None:
    message = await sent(door, token, list(FATES))
    answer = await door.ask("GET", f"messages/{message}/calls", params={"format": "csv"})
    cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
    formulas = [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    assert all(re.fullmatch(r"\+[0-9]+", cell) for cell in formulas), "a number with its plus is a number anywhere"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_would_be_a_formula_is_made_a_text(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"


async def test_the_file_can_be_sent_back_as_recipients(door: Client, token: str) -> None:
    message = await sent(door, token, list(FATES))
    file = (await door.ask("GET", f"messages/{message}/calls", params={"format": "csv", "state": "failed"})).content
    again = (await door.upload(file, {"audio": token, "at": LATER})).json()
    calls = (await door.get(f"messages/{again['id']}/calls"))["items"]
    assert [f"0{call['to'][3:]}" for call in calls] == [number for number, fate in FATES.items() if fate[0] == "failed"]


async def test_a_large_file_has_each_call_once(door: Client, account: OpenedAccount, house: House) -> None:
    short = (await keep(house, account.account, "court", 4_000, mode=Mode.SANDBOX)).token
    recipients = [f"+3363998{tail:04}" for tail in range(10_000) if tail % 100 < 30][: CALLS_AT_ONCE * 2 + 1]
    message = (await door.done("messages", {"to": recipients, "audio": short, "at": LATER}))["id"]
    answer = await door.ask("GET", f"messages/{message}/calls", params={"format": "csv"})
    assert [row[1] for row in csv.reader(io.StringIO(answer.text))] == ["number", *recipients]


async def test_another_accounts_file_is_a_problem_and_no_file(
    door: Client, token: str, stranger: OpenedAccount
) -> None:
    message = await sent(door, token, ["0639980400"], at=LATER)
    answer = await Client(door.http, stranger.test_key).ask(
        "GET", f"messages/{message}/calls", params={"format": "csv"}
    )
    problem(answer, 404, "message_not_found")
    assert "content-disposition" not in answer.headers


# Step by step


async def told(door: Client, call: str) -> list[tuple[Any, ...]]:
    seen = await door.get(f"calls/{call}")
    assert tuple(seen) == (*CALL, "message", "timeline")
    assert all(list(step) == ["at", "what", "attempt", "detail", "cause"] for step in seen["timeline"])
    return [(step["at"][14:19], step["what"], step["attempt"], step["detail"]) for step in seen["timeline"]]


async def test_the_timeline_of_an_answered_call(door: Client, token: str) -> None:
    message = await sent(door, token, ["0639980430"])
    assert await told(door, f"{message}-1") == [
        ("35:00", "accepted", None, None),
        ("35:00", "dialing", 1, "simulator"),
        ("35:00", "ringing", 1, None),
        ("35:04", "answered", 1, "person"),
        ("35:10", "keys", 1, "1"),
        ("35:10", "ended", 1, "answered"),
        ("35:10", "settled", None, "0.006"),
    ]
    seen = await door.get(f"calls/{message}-1")
    (listed,) = (await door.get(f"messages/{message}/calls"))["items"]
    assert {name: seen[name] for name in CALL} == listed
    assert seen["message"] == message


async def test_the_timeline_of_a_call_that_takes_the_second_route(door: Client, token: str) -> None:
    message = await sent(door, token, ["0639980470"])
    assert await told(door, f"{message}-1") == [
        ("35:00", "accepted", None, None),
        ("35:00", "dialing", 1, "simulator"),
        ("35:00", "ended", 1, "congestion"),
        ("35:00", "retry", 1, BEGINNING),
        ("35:00", "dialing", 2, "simulator-2"),
        ("35:00", "ringing", 2, None),
        ("35:04", "answered", 2, "person"),
        ("35:10", "ended", 2, "answered"),
        ("35:10", "settled", None, "0.006"),
    ]


async def test_the_timeline_of_a_call_that_is_tried_again(slow: Client, token: str, house: House) -> None:
    order = {"to": ["0639980411"], "audio": token, "retries": {"most": 1, "spacing_s": 120}}
    call = f"{(await slow.done('messages', order))['id']}-1"
    await slow.until(f"messages/{call.removesuffix('-1')}/calls", state="scheduled")
    first = [
        ("35:00", "accepted", None, None),
        ("35:00", "dialing", 1, "simulator"),
        ("35:00", "ended", 1, "busy"),
        ("35:00", "retry", 1, "2026-01-13T11:37:00Z"),
    ]
    assert await told(slow, call) == first
    waiting = await slow.get(f"calls/{call}")
    assert [waiting[name] for name in ("state", "at", "cost_micros", "ended_at")] == [
        *("scheduled", "2026-01-13T11:37:00Z", None, None)
    ]
    await slow.done("sandbox/advance", {"seconds": 150})
    assert await told(slow, call) == [
        *first,
        ("37:00", "dialing", 2, "simulator"),
        ("37:00", "ended", 2, "busy"),
        ("37:00", "settled", None, "0"),
    ]
    assert (await slow.get(f"calls/{call}"))["attempts"] == 2
    assert await check_ledger(house) == []


async def test_the_timeline_of_a_call_under_way_and_of_one_that_is_cancelled(slow: Client, token: str) -> None:
    under_way = (await slow.done("messages", {"to": ["0639980400"], "audio": token}))["id"]
    await slow.until(f"messages/{under_way}/calls", state="ringing")
    assert [step[1] for step in await told(slow, f"{under_way}-1")] == ["accepted", "dialing", "ringing"]
    waiting = (await slow.done("messages", {"to": ["0639980400"], "audio": token, "at": LATER}))["id"]
    await slow.done(f"messages/{waiting}/cancel")
    assert await told(slow, f"{waiting}-1") == [
        ("35:00", "accepted", None, None),
        ("35:00", "cancelled", None, None),
        ("35:00", "settled", None, "0"),
    ]


async def test_a_call_that_is_not_there_is_not_found(door: Client, token: str) -> None:
    message = await sent(door, token, ["0639980400"], at=LATER)
    for call in (f"{message}-2", f"{message}-0", f"{message}-01", f"{message}--1", message, f"{message}-99999999"):
        problem(await door.ask("GET", f"calls/{call}"), 404, "call_not_found")
    problem(await door.ask("GET", "messages/0000000000/calls"), 404, "message_not_found")
