"""What the console shows of messages that are archived, and of calls that were erased."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from portevoix.domain.archive import Month
from portevoix.domain.ids import Mode
from portevoix.domain.person import Role
from portevoix.ports import House
from portevoix.service import archive
from portevoix.service.accounts import open_account
from portevoix.service.people import _open, add_person
from tests.console.conftest import VIEWER
from tests.console.test_campaigns import listed, numbers, send
from tests.console.visitor import Visitor, words_of
from tests.parts import ManualClock
from tests.wire.modern import Client
from tests.wire.sound import keep


async def test_a_message_is_shown_as_before_until_its_calls_are_erased_and_then_says_so(
    house: House, http: httpx2.AsyncClient, clock: ManualClock
) -> None:
    account = await open_account(house, "Mairie", sandbox_micros=100_000_000)
    token = (await keep(house, account.account, "annonce", 48_000, mode=Mode.SANDBOX)).token
    message = await send(Client(http, account.test_key), token, "0639980400", "0639980411")
    clock.moment += timedelta(days=70)
    person, _ = await add_person(house, VIEWER, Role.VIEWER, account.account)
    viewer = Visitor(http, token=(await _open(house, person)).token)
    campaigns = f"/console/{account.account}/sandbox/campaigns"
    place = f"{campaigns}/{message}"
    before = {path: await viewer.get(path) for path in (place, f"{place}/calls/1", f"{place}/calls.csv")}
    assert sorted(numbers(before[place])) == ["+33639980400", "+33639980411"]

    assert (await archive.archive(house, keep_months=1)).messages == 1
    assert {path: (await viewer.get(path)).text for path in before} == {path: was.text for path, was in before.items()}

    await archive.erase_calls(house, 1, Month.of(clock.now()).before(1))
    page = await viewer.get(place)
    assert numbers(page) == []
    assert "The calls of this message were erased on 24 Mar 2026" in words_of(page)
    assert "0639980400" not in page.text
    gone = await viewer.get(f"{place}/calls/1")
    assert gone.status_code == 404
    assert "The calls of this message were erased" in words_of(gone)
    viewer.headers["accept-language"] = "fr"
    assert "Les appels de ce message ont été effacés le 24 mars 2026" in words_of(await viewer.get(place))
    assert "Les appels de ce message ont été effacés, avec les numéros" in words_of(
        await viewer.get(f"{place}/calls/1")
    )
    assert "n’existe pas" in words_of(await viewer.get(f"{place}/calls/3"))
    assert listed(await viewer.get(campaigns)) == [message]
