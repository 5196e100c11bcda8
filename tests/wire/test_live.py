"""What a live key is told at both doors: where no trunk leads, what is forbidden, and what a route said of a call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from portevoix import bootstrap
from portevoix.domain.call import Outcome, Report, Trace
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.safety import Cap
from portevoix.domain.tariff import Product, Rate
from portevoix.domain.trunk import Engine
from portevoix.ports import House
from portevoix.service import accounts, settlement
from tests.conftest import PEPPER, Serve
from tests.parts import ManualClock
from tests.store.test_calls import Customer, Node, file
from tests.trunks import add_route, add_trunk, policy
from tests.wire.test_sending import REFUSALS

MOBILE, LANDLINE, ABROAD = "0639980000", "0199000000", "+442079460123"
BENCH = {"calls_per_second": 1, "trunk_fiction": "yes"}


@pytest.fixture
async def house(url: str, clock: ManualClock) -> AsyncIterator[House]:
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy()) as opened:
        yield opened.house


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice", mode=Mode.LIVE)


def bearer(customer: Customer) -> dict[str, str]:
    return {"authorization": f"Bearer {customer.key}"}


def deposit(customer: Customer, *to: str) -> dict[str, Any]:
    return {"kind": "deposit", "audio": customer.token, "to": list(to)}


def voice(customer: Customer, *to: str) -> dict[str, Any]:
    return {"kind": "voice", "audio": customer.token, "to": list(to)}


async def test_without_a_route_both_doors_refuse_with_a_code_of_its_own(alice: Customer, serve: Serve) -> None:
    async with serve(**BENCH) as http:
        quoted = await http.post("/v2/quotes", json=voice(alice, MOBILE), headers=bearer(alice))
        sent = await http.post("/v2/messages", json=voice(alice, MOBILE), headers=bearer(alice))
        v1 = await http.post("/v1/tts/send", json={"apiKey": alice.key, "phoneNumbers": MOBILE, "text": "Bonjour."})
    assert [(one.status_code, one.json()["code"]) for one in (quoted, sent)] == [(422, "no_route")] * 2
    assert (v1.status_code, v1.json()["code"]) == (400, "NO_ROUTE")


async def test_without_a_route_for_deposits_both_doors_say_so(alice: Customer, house: House, serve: Serve) -> None:
    await add_route(house, await add_trunk(house, engine=Engine.ASTERISK))
    v1_body = {"apiKey": alice.key, "tokenAudio": alice.token, "phoneNumbers": MOBILE}
    async with serve(**BENCH) as http:
        quoted = await http.post("/v2/quotes", json=deposit(alice, MOBILE), headers=bearer(alice))
        mixed = await http.post("/v2/messages", json=deposit(alice, MOBILE, LANDLINE), headers=bearer(alice))
        v1 = await http.post("/v1/campaign/send", json=v1_body)
    assert (quoted.status_code, quoted.json()["code"]) == (422, "no_deposit_route")
    assert (v1.status_code, v1.json()["code"]) == (400, "NO_DEPOSIT_ROUTE")
    assert (mixed.status_code, mixed.json()["code"]) == (400, "destination_invalid")
    assert [(one["value"], "deposits" in one["reason"]) for one in mixed.json()["errors"]] == [("+33639980000", True)]


async def test_a_day_that_is_used_up_is_told_at_both_doors(alice: Customer, house: House, serve: Serve) -> None:
    await add_route(house, await add_trunk(house, engine=Engine.ASTERISK))
    async with serve(**BENCH, account_cap="1/off") as http:
        v2 = await http.post("/v2/messages", json=voice(alice, MOBILE, LANDLINE), headers=bearer(alice))
        v1 = await http.post(
            "/v1/tts/send", json={"apiKey": alice.key, "phoneNumbers": f"{MOBILE},{LANDLINE}", "text": "Bonjour."}
        )
    assert (v2.status_code, v2.json()["code"]) == (403, "daily_cap_reached")
    assert (v1.status_code, v1.json()["code"]) == (403, "DAILY_CAP_REACHED")


async def test_an_accounts_own_cap_and_countries_are_told_as_the_installations_are(
    alice: Customer, house: House, serve: Serve
) -> None:
    trunk = await add_trunk(house, engine=Engine.ASTERISK)
    await add_route(house, trunk)
    await add_route(house, trunk, "44")
    rate = Rate(Product.VOICE_LANDLINE, "44", 60_000)
    await house.tariffs.import_revision("abroad", house.clock.now(), [rate])
    await house.tariffs.assign(alice.ref.public_id, "abroad")
    spoken = {"apiKey": alice.key, "text": "Bonjour."}
    async with serve(**BENCH, countries_allowed="fr gb") as http:
        await accounts.cap_account(house, alice.ref, Cap(1))
        two = await http.post("/v2/messages", json=voice(alice, MOBILE, LANDLINE), headers=bearer(alice))
        v1_two = await http.post("/v1/tts/send", json={**spoken, "phoneNumbers": f"{MOBILE},{LANDLINE}"})
        await accounts.limit_countries(house, alice.ref, frozenset({"fr"}))
        abroad = await http.post("/v2/messages", json=voice(alice, ABROAD), headers=bearer(alice))
        v1_abroad = await http.post("/v1/tts/send", json={**spoken, "phoneNumbers": ABROAD})
        await accounts.limit_countries(house, alice.ref, None)
        allowed = await http.post("/v2/messages", json=voice(alice, ABROAD), headers=bearer(alice))
    assert (two.status_code, two.json()["code"]) == (403, "daily_cap_reached")
    assert (v1_two.status_code, v1_two.json()["code"]) == (403, "DAILY_CAP_REACHED")
    assert (abroad.status_code, abroad.json()["code"]) == (400, "destination_invalid")
    assert (v1_abroad.status_code, v1_abroad.json()["message"]) == REFUSALS["DESTINATION_INVALID"]
    assert allowed.status_code == 201


async def test_numbers_of_fiction_and_countries_that_are_off_are_refused_by_name(
    alice: Customer, house: House, serve: Serve
) -> None:
    await add_route(house, await add_trunk(house, engine=Engine.ASTERISK))
    await add_route(house, next(iter(await house.trunks.all())).trunk, "44")
    async with serve(calls_per_second=1) as http:
        fiction = await http.post(
            "/v1/tts/send", json={"apiKey": alice.key, "phoneNumbers": MOBILE, "text": "Bonjour."}
        )
        quoted = await http.post("/v2/quotes", json=voice(alice, ABROAD), headers=bearer(alice))
    status, message = REFUSALS["DESTINATION_INVALID"]
    assert (fiction.status_code, fiction.json()["message"]) == (status, message)
    assert quoted.json()["recipients"] == 0


async def test_a_calls_timeline_tells_what_its_route_said(
    alice: Customer, house: House, serve: Serve, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house, engine=Engine.ASTERISK))
    placing = await alice.send([Number.parse(MOBILE)])
    (dial,) = await (await Node.of(house)).dial_all()
    beep = Trace(dial.at + timedelta(seconds=2), "beep", "hz=1000")
    told = Report(Outcome.UNREACHABLE, dial.at + timedelta(seconds=3), dial.at, cause=410, trace=(beep,))
    await settlement.settle(house, await file(house, (dial, told)))
    async with serve(**BENCH) as http:
        call = (await http.get(f"/v2/calls/{placing.campaign}-1", headers=bearer(alice))).json()
    steps = [(step["what"], step["detail"], step["cause"]) for step in call["timeline"] if step["attempt"]]
    assert steps == [
        ("dialing", "bench-33", None),
        ("ringing", None, None),
        ("noted", "beep hz=1000", None),
        ("ended", "unreachable", 410),
    ]
