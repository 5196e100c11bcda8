"""The queue of calls on a real PostgreSQL: who is next, who may dial, and what is left when a node is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from portevoix.domain.call import TRANSITIONS, Answerer, CallState, Outcome, Report, Retries
from portevoix.domain.campaign import Campaign, CampaignBegun, CampaignState, Kind, Order
from portevoix.domain.dialling import Claimed, Dial
from portevoix.domain.errors import InsufficientCredit
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.number import Number
from portevoix.domain.placing import Placing
from portevoix.domain.recording import RecordingInUse
from portevoix.domain.webhook import NotifyUrl
from portevoix.ports import House
from portevoix.service import accounts, campaigns, credit, dialling, settlement
from portevoix.service.reading import find_access
from tests.parts import ManualClock
from tests.wire.sound import keep

MICROS = 1_000_000
ROUTES = ("first", "second")
LEASE_S = 15
HOOK = NotifyUrl.parse("https://example.test/hook")

#: One mobile call that plays six seconds, at the default tariff.
CALL_MICROS = 6_000
DEPOSIT_MICROS = 150_000

#: The blocks of fiction, ten thousand numbers each, mobiles first.
BLOCKS = ("3363998", "3319900", "3326191", "3335301", "3346571", "3353649")


def numbers(count: int, code: int = 0) -> tuple[Number, ...]:
    """So many numbers of fiction that all do the same."""
    tails = [f"{ring:02}{code:02}" for ring in range(100)]
    return tuple(Number.parse(f"+{block}{tail}") for block in BLOCKS for tail in tails)[:count]


def many_numbers(count: int) -> tuple[Number, ...]:
    """So many numbers of fiction, whatever they do, but for those that the API refuses."""
    tails = [f"{tail:04}" for tail in range(10_000) if tail % 100 not in (40, 42)]
    return tuple(Number.parse(f"+{block}{tail}") for block in BLOCKS[: 1 + count // len(tails)] for tail in tails)[
        :count
    ]


@dataclass
class Customer:
    """An account with a recording, that sends."""

    house: House
    ref: AccountRef
    key: str
    token: str
    id: int

    @classmethod
    async def of(
        cls,
        house: House,
        name: str = "Mairie",
        *,
        euros: float = 100,
        mode: Mode = Mode.SANDBOX,
        seconds: float = 6,
    ) -> Customer:
        """Open an account with credit and a recording of so many seconds."""
        terms = {"sandbox_micros" if mode is Mode.SANDBOX else "credit_micros": round(euros * MICROS)}
        opened = await accounts.open_account(house, name, **terms)
        recording = await keep(house, opened.account, f"message {seconds}", round(seconds * 8_000), mode)
        ref = AccountRef(opened.account, mode)
        key = opened.test_key if mode is Mode.SANDBOX else opened.live_key
        return cls(house, ref, key, recording.token, (await house.accounts.find(ref)).id)

    async def send(self, recipients: Sequence[Number], kind: Kind = Kind.VOICE, **terms: Any) -> Placing:
        """Send the recording."""
        order = Order(kind=kind, numbers=tuple(recipients), token=self.token, **terms)
        return await campaigns.send(self.house, await find_access(self.house, self.key), order)

    async def pause(self, campaign: str) -> Campaign:
        return await campaigns.pause(self.house, await find_access(self.house, self.key), campaign)

    async def resume(self, campaign: str) -> Campaign:
        return await campaigns.resume(self.house, await find_access(self.house, self.key), campaign)

    async def cancel(self, campaign: str, *, whole: bool = False) -> int:
        return (await campaigns.cancel(self.house, await find_access(self.house, self.key), campaign, whole=whole))[1]

    async def campaign(self, campaign: str) -> Campaign:
        return await self.house.campaigns.find(self.id, campaign)

    async def states(self, campaign: str) -> list[CallState]:
        return [call.state for call in await self.house.campaigns.calls(self.id, campaign, 0, 100_000)]

    async def balance(self) -> tuple[int, int]:
        """Credit that is available, and held."""
        found = await self.house.accounts.find(self.ref)
        return found.available_micros, found.held_micros

    async def events(self) -> list[str]:
        return [event.type for event in await self.house.accounts.events(self.id)]


class Node:
    """A node that is moved by hand."""

    def __init__(self, house: House, number: int) -> None:
        self.house = house
        self.number = number

    @classmethod
    async def of(cls, house: House, lease_s: int = LEASE_S) -> Node:
        return cls(house, await house.calls.join("test", lease_s))

    async def claim(self, most: int = 256, room: int = 256, busy: Mapping[int, int] | None = None) -> Sequence[Claimed]:
        return await dialling.claim_due(self.house, self.number, most, room, busy or {})

    async def dial(self, claimed: Sequence[Claimed]) -> Sequence[Dial]:
        return await dialling.begin(self.house, self.number, claimed, ROUTES)

    async def dial_all(self, most: int = 256) -> Sequence[Dial]:
        return await self.dial(await self.claim(most))


def report(dial: Dial, outcome: Outcome = Outcome.ANSWERED, seconds: int = 6) -> Report:
    """What a carrier says of a call that was dialled."""
    rang = None if outcome is Outcome.CONGESTION else dial.at
    answered = dial.at if outcome in (Outcome.ANSWERED, Outcome.VOICEMAIL) else None
    return Report(outcome, dial.at + timedelta(seconds=seconds), rang, answered, Answerer.PERSON)


async def file(house: House, *reports: tuple[Dial, Report]) -> list[int]:
    await house.calls.file([(dial.call_id, dial.attempt, told) for dial, told in reports])
    return [dial.call_id for dial, _ in reports]


async def end(house: House, dials: Sequence[Dial], outcome: Outcome = Outcome.ANSWERED) -> None:
    """File the reports of calls, and settle them."""
    await settlement.settle(house, await file(house, *((dial, report(dial, outcome)) for dial in dials)))


async def drain(house: House, most_rounds: int = 50) -> None:
    """Dial and end whatever is due, until nothing is."""
    node = await Node.of(house, 10_000)
    for _ in range(most_rounds):
        claimed = await node.claim()
        if not claimed:
            break
        await end(house, await node.dial(claimed))
    await house.calls.leave(node.number)


@contextmanager
def refusing_other_transitions(url: str) -> Iterator[None]:
    """Install the domain's table as a trigger."""
    pairs = {(str(state), str(following)) for (state, _), following in TRANSITIONS.items()}
    allowed = ", ".join(f"('{before}', '{after}')" for before, after in sorted(pairs))
    over = ", ".join(f"'{state}'" for state in CallState if state.is_over)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE FUNCTION follow_the_table() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF OLD.state <> NEW.state AND (OLD.state::text, NEW.state::text) NOT IN ({allowed})
                    OR OLD.state IN ({over}) THEN
                    RAISE EXCEPTION 'call % went from % to %', OLD.id, OLD.state, NEW.state;
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER follow_the_table BEFORE UPDATE ON call FOR EACH ROW EXECUTE FUNCTION follow_the_table();
            """.encode()
        )
        connection.execute(
            b"""
            CREATE FUNCTION begin_as_waiting() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.state NOT IN ('scheduled', 'ready') THEN RAISE EXCEPTION 'call began as %', NEW.state; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER begin_as_waiting BEFORE INSERT ON call FOR EACH ROW EXECUTE FUNCTION begin_as_waiting();
            """
        )
    yield


# placing


async def test_a_send_sets_the_most_that_it_can_cost_aside_for_each_recipient(house: House, alice: Customer) -> None:
    placing = await alice.send(numbers(5))
    assert placing.reserved_micros == 5 * CALL_MICROS
    assert await alice.balance() == (100 * MICROS - 5 * CALL_MICROS, 5 * CALL_MICROS)
    found = await alice.campaign(placing.campaign)
    assert (found.total, found.open, found.held_micros, found.state) == (5, 5, 5 * CALL_MICROS, CampaignState.ACTIVE)
    assert await alice.states(placing.campaign) == [CallState.READY] * 5
    assert await alice.events() == ["message.accepted"]
    assert await credit.check_ledger(house) == []


async def test_a_send_is_all_or_nothing(house: House, url: str) -> None:
    poor = await Customer.of(house, euros=499 * CALL_MICROS / MICROS)
    with pytest.raises(InsufficientCredit):
        await poor.send(many_numbers(500), notify_url=HOOK)
    assert await poor.balance() == (499 * CALL_MICROS, 0)
    assert await poor.events() == []
    assert counts(url, "campaign", "call", "hold", "webhook", "answer") == [0, 0, 0, 0, 0]
    await poor.send(many_numbers(499))
    assert await poor.balance() == (0, 499 * CALL_MICROS)
    assert await credit.check_ledger(house) == []


async def test_nothing_is_kept_where_what_is_done_alongside_fails(house: House, alice: Customer, url: str) -> None:
    async def fail(together: House, placing: Placing) -> None:
        raise RuntimeError("the answer cannot be kept")

    order = Order(kind=Kind.VOICE, numbers=numbers(3), token=alice.token)
    with pytest.raises(RuntimeError):
        await campaigns.send(house, await find_access(house, alice.key), order, fail)
    assert await alice.balance() == (100 * MICROS, 0)
    assert counts(url, "campaign", "call", "hold", "event") == [0, 0, 0, 0]


async def test_a_recording_that_a_message_plays_is_not_deleted(house: House, alice: Customer, node: Node) -> None:
    await alice.send(numbers(1))
    with pytest.raises(RecordingInUse):
        await house.recordings.delete(alice.id, alice.token)
    dials = await node.dial_all()
    with pytest.raises(RecordingInUse):
        await house.recordings.delete(alice.id, alice.token)
    await end(house, dials)
    await house.recordings.delete(alice.id, alice.token)
    assert await house.recordings.list(alice.id) == []


def counts(url: str, *tables: str) -> list[int]:
    """How many rows tables have."""
    with psycopg.connect(url) as connection:
        rows = [connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in tables]
    return [row[0] for row in rows if row]


# claiming


async def test_a_large_campaign_does_not_keep_a_single_call_of_another_out_of_the_next_claim(
    house: House, alice: Customer, node: Node
) -> None:
    rich = await Customer.of(house, "Rich", euros=1_000)
    await rich.send(many_numbers(20_000))
    first = await node.claim(256)
    assert {one.account_id for one in first} == {rich.id}
    await alice.send(numbers(1))
    second = await node.claim(16)
    assert [one.account_id for one in second].count(alice.id) == 1
    assert [one.account_id for one in second].count(rich.id) >= 1


@pytest.mark.parametrize("most", [1, 2, 3, 10])
async def test_a_claim_takes_no_more_than_it_asked_for(
    house: House, alice: Customer, bob: Customer, node: Node, most: int
) -> None:
    eve = await Customer.of(house, "Eve")
    for one in (alice, bob, eve):
        await one.send(numbers(20))
    claimed = await node.claim(most)
    assert 1 <= len(claimed) <= most
    shares = [[one.account_id for one in claimed].count(customer.id) for customer in (alice, bob, eve)]
    assert max(shares) - min(shares) <= 1


async def test_the_calls_of_an_account_are_claimed_in_the_order_in_which_they_are_due(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    late = await alice.send(numbers(1), due_at=clock.now() + timedelta(seconds=20))
    early = await alice.send(numbers(1), due_at=clock.now() + timedelta(seconds=10))
    clock.advance(seconds=30)
    for expected in (early, late):
        (claimed,) = await Node(house, await house.calls.join("again", LEASE_S)).claim(1)
        assert claimed.campaign == expected.campaign


async def test_rooms_are_respected(house: House, alice: Customer, bob: Customer, node: Node) -> None:
    await alice.send(numbers(20))
    await bob.send(numbers(20))
    claimed = await node.claim(40, room=7, busy={alice.id: 3})
    assert [one.account_id for one in claimed].count(alice.id) == 3
    assert [one.account_id for one in claimed].count(bob.id) == 7
    assert [one.account_id for one in await node.claim(40, busy={alice.id: 0})] == [bob.id] * 13


async def test_nobody_claims_what_another_has_claimed(house: House, alice: Customer) -> None:
    await alice.send(numbers(100))
    nodes = [await Node.of(house) for _ in range(4)]
    claims = await asyncio.gather(*(node.claim(40) for node in nodes))
    taken = [one.id for claimed in claims for one in claimed]
    assert len(taken) == len(set(taken))
    rest = [one.id for node in nodes for one in await node.claim(100)]
    assert sorted(taken + rest) == sorted(set(taken + rest))
    assert len(taken + rest) == 100


async def test_a_scheduled_call_is_claimed_when_it_is_due_and_not_before(
    house: House, alice: Customer, clock: ManualClock
) -> None:
    node = await Node.of(house, lease_s=61)
    placing = await alice.send(numbers(1), due_at=clock.now() + timedelta(seconds=60))
    assert await alice.states(placing.campaign) == [CallState.SCHEDULED]
    clock.advance(seconds=59)
    assert await node.claim() == []
    clock.advance(seconds=1)
    assert len(await node.claim()) == 1


async def test_a_sandboxs_clock_that_is_moved_on_makes_its_calls_due_and_nobody_elses(
    house: House, alice: Customer, bob: Customer, node: Node, clock: ManualClock
) -> None:
    due_at = clock.now() + timedelta(hours=1)
    for one in (alice, bob):
        await one.send(numbers(1), due_at=due_at)
    await house.sandboxes.advance(alice.id, 3_600 + 5)
    (dial,) = await node.dial_all()
    assert (dial.account_id, dial.at, dial.clock_offset_s) == (alice.id, due_at, 3_605)


async def test_calls_of_a_switched_off_account_wait(house: House, alice: Customer, node: Node) -> None:
    await alice.send(numbers(1))
    live = AccountRef(alice.ref.public_id)
    await accounts.change_state(house, live, accounts.State.DISABLED)
    assert await node.claim() == []
    await accounts.change_state(house, live, accounts.State.ACTIVE)
    assert len(await node.claim()) == 1


@pytest.mark.parametrize("state", [accounts.State.DISABLED, accounts.State.BLOCKED])
async def test_what_was_claimed_before_its_account_was_switched_off_is_not_dialled_and_waits_with_the_rest(
    house: House, alice: Customer, bob: Customer, node: Node, guarded: None, state: accounts.State
) -> None:
    campaign, other = (await alice.send(numbers(3))).campaign, (await bob.send(numbers(2))).campaign
    claimed = await node.claim(4)
    before = await alice.balance()
    await accounts.change_state(house, AccountRef(alice.ref.public_id), state)
    dials = await node.dial(claimed)
    assert {dial.account_id for dial in dials} == {bob.id}
    assert await bob.states(other) == [CallState.DIALING] * 2
    assert await alice.states(campaign) == [CallState.READY] * 3
    assert (await alice.balance(), before[1]) == (before, 3 * CALL_MICROS)
    assert await node.claim() == []
    await accounts.change_state(house, AccountRef(alice.ref.public_id), accounts.State.ACTIVE)
    assert [dial.attempt for dial in await node.dial_all()] == [1] * 3
    assert await credit.check_ledger(house) == []


# dialling


async def test_a_call_is_dialled_once_an_attempt_however_often_it_is_asked_for(
    house: House, alice: Customer, node: Node, url: str
) -> None:
    await alice.send(numbers(3))
    claimed = await node.claim()
    answers = await asyncio.gather(*(node.dial(claimed) for _ in range(4)))
    assert sorted(dial.call_id for dials in answers for dial in dials) == sorted(one.id for one in claimed)
    assert counts(url, "attempt") == [3]


async def test_another_node_does_not_dial_what_it_has_not_claimed(house: House, alice: Customer, node: Node) -> None:
    placing = await alice.send(numbers(1))
    claimed = await node.claim()
    assert await (await Node.of(house)).dial(claimed) == []
    assert await alice.states(placing.campaign) == [CallState.CLAIMED]
    assert len(await node.dial(claimed)) == 1


async def test_a_call_is_cut_at_the_end_of_its_hold(house: House, node: Node) -> None:
    short = await Customer.of(house, "Short", seconds=2.5)
    await short.send(numbers(1))
    (dial,) = await node.dial_all()
    assert dial.longest_s == 3


async def test_what_was_paused_before_it_is_claimed_is_not_claimed(alice: Customer, node: Node) -> None:
    placing = await alice.send(numbers(2))
    await alice.pause(placing.campaign)
    assert await node.claim() == []
    assert await alice.states(placing.campaign) == [CallState.PAUSED] * 2
    await alice.resume(placing.campaign)
    assert len(await node.claim()) == 2


async def test_what_was_paused_after_it_is_claimed_is_not_dialled(alice: Customer, node: Node) -> None:
    placing = await alice.send(numbers(2))
    claimed = await node.claim()
    await alice.pause(placing.campaign)
    assert await node.dial(claimed) == []
    assert await alice.states(placing.campaign) == [CallState.PAUSED] * 2
    await alice.resume(placing.campaign)
    assert len(await node.dial_all()) == 2


async def test_what_was_cancelled_after_it_is_claimed_is_not_dialled(
    house: House, alice: Customer, node: Node, url: str
) -> None:
    placing = await alice.send(numbers(2))
    claimed = await node.claim()
    assert await alice.cancel(placing.campaign) == 2 * CALL_MICROS
    assert await node.dial(claimed) == []
    assert await alice.states(placing.campaign) == [CallState.CANCELLED] * 2
    assert counts(url, "attempt") == [0]
    assert await alice.balance() == (100 * MICROS, 0)
    assert await credit.check_ledger(house) == []


async def test_a_cancel_leaves_what_is_under_way_to_its_end(house: House, alice: Customer, node: Node) -> None:
    placing = await alice.send(numbers(5))
    dials = await node.dial(await node.claim(2))
    assert await alice.cancel(placing.campaign) == 3 * CALL_MICROS
    assert await alice.balance() == (100 * MICROS - 2 * CALL_MICROS, 2 * CALL_MICROS)
    await end(house, dials)
    assert await alice.balance() == (100 * MICROS - 2 * CALL_MICROS, 0)
    found = await alice.campaign(placing.campaign)
    assert (found.state, found.open, found.delivered, found.cancelled) == (CampaignState.CANCELLED, 0, 2, 3)
    assert found.finished_at is not None
    assert await credit.check_ledger(house) == []


async def test_the_old_doors_cancel_takes_a_whole_scheduled_campaign_or_nothing(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    begun = await alice.send(numbers(2))
    with pytest.raises(CampaignBegun):
        await alice.cancel(begun.campaign, whole=True)
    later = await alice.send(numbers(2), due_at=clock.now() + timedelta(seconds=60))
    assert await alice.cancel(later.campaign, whole=True) == 2 * CALL_MICROS
    with pytest.raises(CampaignBegun):
        await alice.cancel(later.campaign, whole=True)
    due = await alice.send(numbers(2), due_at=clock.now() + timedelta(seconds=60))
    clock.advance(seconds=60)
    await drain(house)
    with pytest.raises(CampaignBegun):
        await alice.cancel(due.campaign, whole=True)
    assert await credit.check_ledger(house) == []


async def test_the_old_doors_cancel_takes_no_scheduled_campaign_of_which_somebody_was_called(
    house: House, alice: Customer, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1), due_at=clock.now() + timedelta(seconds=60), retries=Retries(1, 60))
    clock.advance(seconds=60)
    await end(house, await (await Node.of(house)).dial_all(), Outcome.BUSY)
    assert await alice.states(placing.campaign) == [CallState.SCHEDULED]  # to be tried again
    with pytest.raises(CampaignBegun):
        await alice.cancel(placing.campaign, whole=True)
    assert await alice.cancel(placing.campaign) == CALL_MICROS
