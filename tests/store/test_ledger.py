"""What the ledger's commands do, told as scripts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import Kind, Sought
from portevoix.ports import House
from portevoix.service import credit
from tests.parts import BEGINNING, ManualClock
from tests.store.script import Script


@pytest.fixture
def script(house: House, clock: ManualClock) -> Script:
    return Script(house, clock)


async def test_a_hold_settles_what_was_used_and_releases_the_rest(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 1000
        hold H1 alice 300
        balance alice 700 held 300
        tick 60s
        settle H1 180
        balance alice 820
    """)


async def test_a_hold_resolves_once(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 1000
        hold H1 alice 300
        settle H1 180
        settle H1 180
        balance alice 820
        settle H1 200 ! hold_resolved
        release H1 ! hold_resolved
        balance alice 820
    """)


async def test_a_hold_settles_at_most_itself(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 1000
        hold H1 alice 300
        settle H1 301 ! hold_exceeded
        balance alice 700 held 300
        release H1
        balance alice 1000
    """)


async def test_credit_never_falls_below_nought(script: Script) -> None:
    await script.play("""
        account alice
        hold H1 alice 1 ! insufficient_credit
        topup alice 100
        hold H2 alice 101 ! insufficient_credit
        hold H3 alice 100
        hold H4 alice 1 ! insufficient_credit
        adjust alice -1 ! insufficient_credit
        balance alice 0 held 100
    """)


async def test_a_repeated_command_changes_nothing_more(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 100 key K
        topup alice 100 key K
        balance alice 100
        topup alice 200 key K ! idempotency_conflict
        topup alice 100 promo key K ! idempotency_conflict
        adjust alice 100 key K ! idempotency_conflict
        hold H1 alice 40 key R
        hold H1 alice 40 key R
        balance alice 60 held 40
        hold H1 alice 41 key R ! idempotency_conflict
        settle H1 40
        hold H1 alice 40 key R
        balance alice 60
    """)


async def test_a_refund_is_at_most_what_was_settled(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 1000
        hold H1 alice 300
        refund H1 1 ! hold_exceeded
        settle H1 200
        refund H1 150 key F
        refund H1 150 key F
        refund H1 51 ! hold_exceeded
        refund H1 50
        balance alice 1000
    """)


async def test_the_earliest_expiry_is_spent_first(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 100
        topup alice 50 promo expires 60s
        topup alice 30 promo expires 30s
        hold H1 alice 60
        settle H1 60
        tick 61s
        balance alice 100
    """)


async def test_lapsed_credit_buys_nothing_from_that_moment_on(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 100 expires 60s
        topup alice 5
        tick 59s
        balance alice 105
        tick 1s
        balance alice 5
        hold H1 alice 6 ! insufficient_credit
        hold H2 alice 5
        balance alice 0 held 5
    """)


async def test_a_hold_outlives_the_expiry_of_its_credit_but_what_it_releases_lapses(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 100 promo expires 60s
        hold H1 alice 40
        hold H2 alice 40
        tick 61s
        balance alice 0 held 80
        settle H1 40
        balance alice 0 held 40
        release H2
        balance alice 0
        hold H3 alice 1 ! insufficient_credit
    """)


async def test_credit_moves_between_parent_and_sub_account_with_its_terms(script: Script) -> None:
    await script.play("""
        account reseller
        account shop under reseller
        account other
        topup reseller 100 promo expires 60s
        topup reseller 100
        allot reseller shop 150
        balance reseller 50
        balance shop 150
        allot shop reseller 20
        balance reseller 70
        balance shop 130
        allot reseller other 1 ! not_related
        allot reseller reseller 1 ! not_related
        allot reseller shop 71 ! insufficient_credit
        tick 61s
        balance shop 50
        balance reseller 50
    """)


async def test_a_repeated_allotment_moves_credit_once(script: Script) -> None:
    await script.play("""
        account reseller
        account shop under reseller
        topup reseller 100
        allot reseller shop 60 key A
        allot reseller shop 60 key A
        balance reseller 40
        balance shop 60
    """)


async def test_the_sandbox_has_a_ledger_of_its_own(script: Script) -> None:
    await script.play("""
        account alice
        topup alice 1000
    """)
    twin = AccountRef(script.accounts["alice"].public_id, Mode.SANDBOX)
    assert (await script.house.accounts.find(twin)).available_micros == 0


async def test_a_low_balance_is_told_once_each_time_it_is_crossed(script: Script, house: House) -> None:
    await script.play("""
        account alice
        topup alice 1000
    """)
    alice = await house.accounts.find(script.accounts["alice"])
    await house.accounts.set_low_balance(alice.ref, 500)
    await script.play("""
        hold H1 alice 500
        hold H2 alice 1
        hold H3 alice 1
        release H1
        hold H4 alice 499
    """)
    events = await house.accounts.events(alice.id)
    assert [(event.type, event.data["available_micros"]) for event in events] == [
        ("credit.low", 499),
        ("credit.low", 499),
    ]


async def test_the_statement_tells_every_transfer_with_its_running_balance(script: Script, house: House) -> None:
    await script.play("""
        account alice
        topup alice 1000 key T
        hold H1 alice 300
        settle H1 180
    """)
    lines = [line async for line in credit.statement(house, script.accounts["alice"])]
    assert [
        (line.kind, line.available_change_micros, line.held_change_micros, line.available_after_micros)
        for line in lines
    ] == [
        (Kind.TOP_UP, 1000, 0, 1000),
        (Kind.RESERVE, -300, 300, 700),
        (Kind.SETTLE, 0, -180, 700),
        (Kind.RELEASE, 120, -120, 820),
    ]
    assert [line.idempotency_key for line in lines] == ["T", "H1", None, None]


async def test_the_newest_transfers_are_those_of_the_statement_whatever_is_looked_for(
    script: Script, house: House, clock: ManualClock
) -> None:
    await script.play("""
        account alice
        account bob
        topup alice 1000
        topup bob 1000
        tick 3600s
    """)
    for number in range(12):
        await script.play(f"""
            hold A{number} alice 10
            hold B{number} bob 10
            tick 5400s
            settle A{number} {number % 3 * 5}
            settle B{number} 5
            tick {number % 4 * 600}s
        """)
    alice = await house.accounts.find(script.accounts["alice"])
    statement = [line async for line in credit.statement(house, alice.ref)]
    statement = [replace(line, idempotency_key=None) for line in reversed(statement)]
    moments = [
        None,
        *(BEGINNING + timedelta(minutes=30 * step) for step in range(-1, 48)),
        *{one.at for one in statement},
    ]
    for kinds in (None, frozenset({Kind.TOP_UP}), frozenset({Kind.SETTLE}), frozenset({Kind.RELEASE, Kind.TOP_UP})):
        for first, until in itertools.product(moments[::2], moments[1::2]):
            found = await house.ledger.newest(alice.id, Sought(kinds, first, until), None, 100)
            assert [replace(line, idempotency_key=None) for line, _ in found] == [
                line
                for line in statement
                if (kinds is None or line.kind in kinds)
                and (first is None or line.at >= first)
                and (until is None or line.at < until)
            ]


async def test_nothing_is_found_of_an_account_without_transfers(script: Script, house: House) -> None:
    await script.play("account alice")
    alice = await house.accounts.find(script.accounts["alice"])
    assert await house.ledger.newest(alice.id, Sought(None, BEGINNING, BEGINNING), None, 100) == []
