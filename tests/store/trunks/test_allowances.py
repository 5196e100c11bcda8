"""What one account may over trunks, where that differs from what every account may."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import errors

from portevoix import bootstrap
from portevoix.domain.account import ALL_SCOPES
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.campaign import Kind, Order, RecipientsRefused
from portevoix.domain.errors import InvalidValue, NotFound
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.number import Number
from portevoix.domain.safety import NOTHING_OWN, AllowanceOfSandbox, Cap, CapReached, OwnAllowance, Safety
from portevoix.domain.tariff import Product, Rate
from portevoix.ports import House
from portevoix.service import accounts, campaigns, credit
from portevoix.service.reading import find_access
from tests.conftest import PEPPER
from tests.parts import ManualClock
from tests.store.test_calls import Customer, Node, end, numbers
from tests.trunks import add_route, add_trunk, policy

MOBILES = numbers(100)
LANDLINES = tuple(Number.parse(f"01 99 00 01 {tail:02}") for tail in range(20))
BRITISH = Number.parse("+44 20 7946 0123")

FRENCH_ALONE = frozenset({"fr"})


@pytest.fixture
async def house(url: str, clock: ManualClock) -> AsyncIterator[House]:
    """A house whose trunks call France and Britain: ten calls a day of one account, four of them to mobiles."""
    countries = frozenset({"fr", "gb"})
    safety = Safety(fiction=True, countries=countries, account=Cap(10), prefixes={"336": Cap(4)})
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy(safety)) as opened:
        trunk = await add_trunk(opened.house)
        await add_route(opened.house, trunk)
        await add_route(opened.house, trunk, "44")
        await opened.house.tariffs.import_revision("abroad", clock.now(), [Rate(Product.VOICE_LANDLINE, "44", 60_000)])
        yield opened.house


@pytest.fixture
async def alice(house: House) -> Customer:
    """A live account that has a price for calls to Britain."""
    customer = await Customer.of(house, "Alice", mode=Mode.LIVE)
    await house.tariffs.assign(customer.ref.public_id, "abroad")
    return customer


# what is kept


async def test_an_account_has_nothing_of_its_own_until_it_is_given_some_and_again_when_that_is_taken(
    house: House, alice: Customer
) -> None:
    assert (await accounts.find_account(house, alice.ref)).allowance == NOTHING_OWN
    await accounts.cap_account(house, alice.ref, Cap(3, 2 * MICROS_PER_EURO))
    await accounts.limit_countries(house, alice.ref, frozenset({"gb", "be"}))
    kept = OwnAllowance(Cap(3, 2 * MICROS_PER_EURO), frozenset({"gb", "be"}))
    own, holds = await accounts.find_allowance(house, alice.ref)
    assert (own, holds.account, holds.countries) == (kept, kept.cap, {"gb"})
    await accounts.cap_account(house, alice.ref, None)
    assert (await accounts.find_account(house, alice.ref)).allowance == OwnAllowance(None, kept.countries)
    await accounts.limit_countries(house, alice.ref, None)
    assert (await accounts.find_account(house, alice.ref)).allowance == NOTHING_OWN


async def test_it_is_read_with_the_account_however_that_is_found(house: House, alice: Customer, bob: Customer) -> None:
    await accounts.cap_account(house, alice.ref, Cap())
    await accounts.limit_countries(house, alice.ref, FRENCH_ALONE)
    own = OwnAllowance(Cap(), FRENCH_ALONE)
    assert (await find_access(house, alice.key)).allowance == own
    assert (await house.accounts.access(alice.ref, ALL_SCOPES)).allowance == own
    assert {one.ref: one.allowance for one in await house.accounts.list() if one.allowance != NOTHING_OWN} == {
        alice.ref: own
    }
    assert [one.allowance for one in await house.accounts.search("alice", None, 9)] == [own]
    assert (await find_access(house, bob.key)).allowance == NOTHING_OWN


async def test_a_sandbox_has_none_and_nobody_has_no_country_at_all(house: House, alice: Customer) -> None:
    sandbox = AccountRef(alice.ref.public_id, Mode.SANDBOX)
    with pytest.raises(AllowanceOfSandbox):
        await accounts.cap_account(house, sandbox, Cap(1))
    with pytest.raises(AllowanceOfSandbox):
        await accounts.limit_countries(house, sandbox, FRENCH_ALONE)
    with pytest.raises(AllowanceOfSandbox):
        await accounts.find_allowance(house, sandbox)
    with pytest.raises(InvalidValue, match="one country at least"):
        await accounts.limit_countries(house, alice.ref, frozenset())
    with pytest.raises(NotFound):
        await accounts.cap_account(house, AccountRef("acct_000000000000"), Cap(1))
    assert {one.allowance for one in await house.accounts.list()} == {NOTHING_OWN}


@pytest.mark.parametrize(
    ("guard", "change"),
    [
        ("account_own_cap_written", "own_cap = '5'"),
        ("account_own_cap_written", "own_cap = '-1/off'"),
        ("account_own_cap_written", "own_cap = '1/1234567890123456789'"),
        ("account_own_countries_written", "own_countries = ''"),
        ("account_own_countries_written", "own_countries = 'FR'"),
        ("account_own_countries_written", "own_countries = 'fr,be'"),
        ("account_sandbox_has_no_allowance", "mode = 'sandbox', own_cap = '5/5'"),
        ("account_sandbox_has_no_allowance", "mode = 'sandbox', own_countries = 'fr'"),
    ],
)
def test_what_could_not_be_read_again_is_refused_by_the_database(url: str, guard: str, change: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO account (public_id, mode, name, created_at) VALUES ('acct_1', 'live', 'a', now())"
        )
        with pytest.raises(errors.CheckViolation) as refused:
            connection.execute(f"UPDATE account SET {change}".encode())
    assert refused.value.diag.constraint_name == guard


# its cap


@pytest.mark.parametrize("cap", [Cap(3), Cap(15), Cap(0)])
async def test_its_own_cap_counts_in_place_of_the_installations(
    house: House, alice: Customer, bob: Customer, cap: Cap
) -> None:
    await accounts.cap_account(house, alice.ref, cap)
    most = cap.calls or 0
    with pytest.raises(CapReached, match=f"{most} calls"):
        await alice.send(LANDLINES[: most + 1])
    if most:
        await alice.send(LANDLINES[:most])
    with pytest.raises(CapReached, match=f"{most} calls"):
        await alice.send(LANDLINES[:1])
    await bob.send(LANDLINES[:10])
    with pytest.raises(CapReached, match="10 calls"):
        await bob.send(LANDLINES[:1])


async def test_its_own_cap_is_of_euros_too(house: House, alice: Customer) -> None:
    await accounts.cap_account(house, alice.ref, Cap(None, 0))
    with pytest.raises(CapReached, match="€"):
        await alice.send(LANDLINES[:1])


async def test_a_cap_that_is_lifted_leaves_those_of_prefixes(house: House, alice: Customer) -> None:
    await accounts.cap_account(house, alice.ref, Cap())
    await alice.send(LANDLINES[:20])
    with pytest.raises(CapReached, match="336"):
        await alice.send(MOBILES[:5])


async def test_what_was_sent_before_a_cap_changed_counts_against_the_new_one(house: House, alice: Customer) -> None:
    await alice.send(LANDLINES[:5])
    await accounts.cap_account(house, alice.ref, Cap(6))
    await alice.send(LANDLINES[:1])
    with pytest.raises(CapReached):
        await alice.send(LANDLINES[:1])
    await accounts.cap_account(house, alice.ref, None)
    await alice.send(LANDLINES[:4])


# its countries


async def test_a_country_that_is_not_its_own_is_refused_when_it_is_quoted_and_sent(
    house: House, alice: Customer
) -> None:
    await accounts.limit_countries(house, alice.ref, FRENCH_ALONE)
    order = Order(kind=Kind.VOICE, numbers=(LANDLINES[0], BRITISH), token=alice.token)
    quoted = await campaigns.quote(house, await find_access(house, alice.key), order)
    assert [one.number for one in quoted.priced] == [LANDLINES[0]]
    assert [(one.text, "(gb)" in one.reason) for one in quoted.refused] == [(str(BRITISH), True)]
    before = await alice.balance()
    with pytest.raises(RecipientsRefused) as refused:
        await alice.send([LANDLINES[0], BRITISH])
    assert [one.text for one in refused.value.refused] == [str(BRITISH)]
    assert await alice.balance() == before
    await accounts.limit_countries(house, alice.ref, None)
    await alice.send([LANDLINES[0], BRITISH])


async def test_what_an_account_may_call_no_more_is_not_dialled_and_costs_nothing(
    house: House, alice: Customer, node: Node
) -> None:
    placing = await alice.send([LANDLINES[0], BRITISH])
    await accounts.limit_countries(house, alice.ref, FRENCH_ALONE)
    dials = {dial.number: dial for dial in await node.dial_all()}
    french, british = dials[LANDLINES[0]], dials[BRITISH]
    assert (french.path is None, french.refused) == (False, None)
    assert british.path is None
    assert british.refused is not None
    assert (british.refused.outcome, "(gb)" in british.refused.trace[0].detail) == (Outcome.BLOCKED, True)
    await end(house, [french])
    await end(house, [british], Outcome.BLOCKED)
    assert await alice.states(placing.campaign) == [CallState.FINISHED, CallState.FAILED]
    calls = await house.campaigns.calls(alice.id, placing.campaign, 0, 9)
    assert [call.cost_micros for call in calls if call.number == BRITISH.digits] == [0]
    assert (await alice.balance())[1] == 0
    assert await credit.check_ledger(house) == []


async def test_a_narrower_account_leaves_the_calls_of_others_alone(
    house: House, alice: Customer, bob: Customer, node: Node
) -> None:
    await house.tariffs.assign(bob.ref.public_id, "abroad")
    await bob.send([BRITISH])
    await accounts.limit_countries(house, alice.ref, FRENCH_ALONE)
    (dial,) = await node.dial_all()
    assert (dial.path is None, dial.refused) == (False, None)
