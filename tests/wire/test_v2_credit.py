"""/v2/credit and /v2/ledger: what may be spent, where it went, to the micro-euro."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from portevoix.domain.account import Scope
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import GrantKind, GrantTerms, Reserve, Resolve
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.credit import adjust, allot, check_ledger, expire_due, refund, top_up
from tests.conftest import Serve
from tests.parts import ManualClock
from tests.store.test_calls import numbers
from tests.wire.modern import FAST, LATER, Client, problem
from tests.wire.sound import key_with

EURO = MICROS_PER_EURO
NOW = "2026-01-13T11:35:00Z"

LINE = (
    *("id", "at", "kind", "amount_micros", "available_change_micros", "held_change_micros"),
    *("available_after_micros", "message", "call", "reason"),
)


async def lines(door: Client) -> list[dict[str, Any]]:
    """Read the whole ledger, a few lines at a time."""
    return [line for page in await door.walk("ledger", 3) for line in page]


async def audited(door: Client) -> list[dict[str, Any]]:
    """Read the whole ledger, and add it up: it comes to what the credit says, line after line."""
    found, available, held = await lines(door), 0, 0
    for line in found:
        assert tuple(line) == LINE
        assert line["amount_micros"] > 0
        available += line["available_change_micros"]
        held += line["held_change_micros"]
        assert (available, held >= 0) == (line["available_after_micros"], True)
        changes = (abs(line["available_change_micros"]), abs(line["held_change_micros"]))
        assert max(changes) == line["amount_micros"]
    assert (available, held) == await door.balance()
    assert [int(line["id"]) for line in found] == sorted(int(line["id"]) for line in found)
    return found


async def test_the_credit_tells_what_may_be_spent_what_is_held_and_what_that_buys(door: Client, token: str) -> None:
    whole = {"available_micros": 10 * EURO, "held_micros": 0, "currency": "EUR"}
    assert await door.get("credit") == {**whole, "buys": {"mobile_s": 10_000, "landline_s": 20_000, "deposits": 66}}
    order = {"kind": "deposit", "to": ["0639980400", "0639980401"], "audio": token, "at": LATER}
    await door.done("messages", order)
    assert await door.get("credit") == {
        "available_micros": 9_700_000,
        "held_micros": 300_000,
        "currency": "EUR",
        "buys": {"mobile_s": 9_700, "landline_s": 19_400, "deposits": 64},
    }


async def test_what_it_buys_can_be_bought_and_no_more(house: House, serve: Serve) -> None:
    poor = await open_account(house, "Pauvre", sandbox_micros=2 * 6_000 + 5_999)
    async with serve(**FAST) as http:
        door = Client(http, poor.test_key)
        assert (await door.get("credit"))["buys"] == {"mobile_s": 17, "landline_s": 35, "deposits": 0}


async def test_every_transfer_of_a_message_names_its_call(door: Client, token: str, house: House) -> None:
    order = {"to": ["0639980414", "0639980411", "0639980400"], "audio": token}
    message = (await door.done("messages", order))["id"]
    await door.over(message)
    opening, *rest = await audited(door)
    assert {name: opening[name] for name in LINE if name != "id"} == {
        "at": NOW,
        "kind": "top_up",
        "amount_micros": 10 * EURO,
        "available_change_micros": 10 * EURO,
        "held_change_micros": 0,
        "available_after_micros": 10 * EURO,
        "message": None,
        "call": None,
        "reason": "opening credit",
    }
    assert {line["message"] for line in rest} == {message}
    moved: dict[str, list[tuple[str, int]]] = {}
    for line in rest:
        moved.setdefault(line["call"], []).append((line["kind"], line["amount_micros"]))
    assert {call: sorted(of_call) for call, of_call in moved.items()} == {
        f"{message}-1": [("release", 4_000), ("reserve", 6_000), ("settle", 2_000)],
        f"{message}-2": [("release", 6_000), ("reserve", 6_000)],
        f"{message}-3": [("reserve", 6_000), ("settle", 6_000)],
    }
    assert await check_ledger(house) == []


async def test_every_kind_of_transfer_is_told(
    account: OpenedAccount, serve: Serve, house: House, clock: ManualClock
) -> None:
    ref = AccountRef(account.account)
    part = AccountRef((await open_account(house, "École", parent=account.account)).account)
    await top_up(house, ref, EURO, "gift", terms=GrantTerms(GrantKind.PROMOTIONAL, clock.now() + timedelta(days=1)))
    await adjust(house, ref, 500_000, "up", "une erreur de notre part")
    await adjust(house, ref, -250_000, "down", "une erreur de la vôtre")
    await allot(house, ref, part, 2 * EURO, "allotted")
    await allot(house, part, ref, EURO, "returned")
    async with serve(**FAST) as http:
        door = Client(http, account.live_key)
        found = await house.accounts.find(ref)
        hold = (await house.ledger.reserve(Reserve(found.id, 10_000, "hold"))).hold_id
        await house.ledger.resolve(Resolve(hold, 4_000))
        await refund(house, hold, 1_000, "sorry", reason="geste commercial")
        clock.advance(days=2)
        await expire_due(house)
        told = await audited(door)
        theirs = await audited(Client(http, (await _key_of(house, part.public_id))))
    assert {line["kind"] for line in told} >= {
        *("top_up", "reserve", "settle", "refund", "adjustment_credit", "adjustment_debit", "allotment_out"),
        *("allotment_in", "expiry"),
    }
    by_kind = {line["kind"]: line for line in told}
    assert (by_kind["refund"]["amount_micros"], by_kind["refund"]["reason"]) == (1_000, "geste commercial")
    assert by_kind["adjustment_debit"]["available_change_micros"] == -250_000
    assert by_kind["allotment_out"]["available_change_micros"] == -2 * EURO
    assert [(line["kind"], line["available_change_micros"]) for line in theirs] == [
        *(("allotment_in", 2 * EURO), ("allotment_out", -EURO))
    ]
    assert await check_ledger(house) == []


async def _key_of(house: House, account: str) -> str:
    return await key_with(house, account, Scope.READ)


async def test_credit_that_has_lapsed_is_not_there_although_nobody_has_taken_it_yet(
    door: Client, account: OpenedAccount, house: House, clock: ManualClock
) -> None:
    terms = GrantTerms(GrantKind.PROMOTIONAL, clock.now() + timedelta(hours=1))
    await top_up(house, AccountRef(account.account, Mode.SANDBOX), EURO, "gift", terms=terms)
    assert await door.balance() == (11 * EURO, 0)
    clock.advance(hours=1)
    assert await door.balance() == (10 * EURO, 0)


async def test_available_and_held_are_of_one_moment_whatever_is_sent_meanwhile(door: Client, token: str) -> None:
    order = {"to": [str(number) for number in numbers(20)], "audio": token, "at": LATER}
    sending = True
    seen: set[int] = set()

    async def look() -> None:
        while sending:
            seen.add(sum(await door.balance()))

    async def send_and_cancel() -> None:
        nonlocal sending
        try:
            for _ in range(10):
                made = await door.done("messages", order)
                await door.done(f"messages/{made['id']}/cancel")
        finally:
            sending = False

    await asyncio.gather(send_and_cancel(), *(look() for _ in range(3)))
    assert seen == {10 * EURO}


async def test_the_ledger_comes_oldest_first_a_page_at_a_time_while_it_grows(door: Client, token: str) -> None:
    order = {"to": ["0639980400"], "audio": token, "at": LATER}
    for _ in range(3):
        await door.done("messages", order)
    first = await door.get("ledger", limit=3)
    assert [line["kind"] for line in first["items"]] == ["top_up", "reserve", "reserve"]
    last = await door.get("ledger", limit=3, after=first["next"])
    assert (len(last["items"]), last["next"]) == (1, None)
    await door.done("messages", order)
    grown = await door.get("ledger", limit=3, after=first["next"])
    assert (grown["items"][0], len(grown["items"]), grown["next"]) == (last["items"][0], 2, None)
    assert len(await audited(door)) == 5


async def test_each_ledger_has_only_its_own_lines(
    door: Client, account: OpenedAccount, stranger: OpenedAccount, token: str
) -> None:
    await door.over((await door.done("messages", {"to": ["0639980400"], "audio": token}))["id"])
    mine = await audited(door)
    for key in (account.live_key, stranger.test_key, stranger.live_key):
        theirs = await audited(Client(door.http, key))
        assert [line["kind"] for line in theirs] == ["top_up"]
        assert {line["id"] for line in theirs}.isdisjoint(line["id"] for line in mine)


@pytest.mark.parametrize("path", ["credit", "ledger"])
async def test_a_key_that_may_not_read_is_told_nothing(
    door: Client, account: OpenedAccount, house: House, path: str
) -> None:
    narrow = Client(door.http, await key_with(house, account.account, Scope.SEND, Scope.MANAGE))
    told = problem(await narrow.ask("GET", path), 403, "scope_refused")
    assert "10000000" not in str(told)
