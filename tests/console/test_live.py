"""Parts of pages that follow what happens."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from portevoix.console import live
from portevoix.console.cookies import NAME
from portevoix.domain.ids import Mode
from portevoix.domain.person import TOKEN_LIFE
from portevoix.ports import House
from tests.console.conftest import People
from tests.console.visitor import Visitor
from tests.parts import ManualClock
from tests.wire.modern import LATER, SLOW, Client, Events, following
from tests.wire.sound import keep


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, where nothing is to be missed in between."""
    monkeypatch.setattr(live, "PACE_S", 0)
    monkeypatch.setattr(live, "LOOK_AGAIN_S", 0.01)


@pytest.fixture
async def token(house: House, people: People) -> str:
    """A recording of 6 s."""
    return (await keep(house, people.account.account, "annonce", 48_000, mode=Mode.SANDBOX)).token


@pytest.fixture
def door(people: People) -> Client:
    """The API, by which the account sends."""
    return Client(people.manager.http, people.account.test_key)


def follow(visitor: Visitor, path: str, query: str = "") -> AbstractAsyncContextManager[Events]:
    """Open a live part as a browser does."""
    return following(visitor.http, "", query, path, cookie=f"{NAME}={visitor.token}", accept_language="en")


async def parts(events: Events) -> dict[str, Any] | None:
    """Wait for the next change; ``None`` once nothing will change any more."""
    while (block := await events.block()) is not None:
        if block.get("event") == "over":
            return None
        if "data" in block:
            return dict(json.loads(block["data"]))
    raise AssertionError("the stream has ended")


async def sent(door: Client, token: str, *to: str, **order: Any) -> str:
    """Send a message; returns its id."""
    return str((await door.done("messages", {"to": to or ["0639980400"], "audio": token, **order}))["id"])


async def test_a_message_is_followed_to_its_end(people: People, door: Client, token: str) -> None:
    message = await sent(door, token, at=LATER)
    page = await people.viewer.get(f"{people.place}/campaigns/{message}")
    assert f'data-live="{people.place}/campaigns/{message}/live"' in page.text
    async with follow(people.viewer, f"{people.place}/campaigns/{message}/live") as events:
        assert events.headers["content-type"] == "text/event-stream"
        first = await parts(events)
        assert first is not None
        assert set(first) == {"standing", "progress", "actions", "calls"}
        for name, part in first.items():
            assert f'id="{name}"' in page.text
            assert part.strip() in page.text, "a stream begins with what the page has"
        await door.done("sandbox/advance", {"seconds": 86_400 * 30})
        seen = dict(first)
        while (changed := await parts(events)) is not None:
            seen |= changed
        assert "1 of 1 over" in seen["progress"]
        assert "answered" in seen["calls"]
        assert await events.block() is None, "it ends with the message"


async def test_only_what_has_changed_is_sent(people: People, door: Client, token: str) -> None:
    message = await sent(door, token, at=LATER)
    async with follow(people.manager, f"{people.place}/campaigns/{message}/live") as events:
        assert await parts(events) is not None
        assert await events.block() == {"": ""}, "somebody is there, and nothing has changed"
        await door.done(f"messages/{message}/pause")
        seen: dict[str, Any] = {}
        while "/resume" not in seen.get("actions", ""):  # a look may fall into the change
            seen |= await parts(events) or {}


@pytest.mark.parametrize("http", [SLOW], indirect=True, ids=["slow"])
async def test_a_phone_that_rings_is_seen_though_no_event_tells_of_it(people: People, door: Client, token: str) -> None:
    message = await sent(door, token)
    async with follow(people.viewer, f"{people.place}/campaigns/{message}/live") as events:
        while "ringing" not in ((await parts(events)) or {}).get("progress", ""):
            pass


async def test_the_list_that_is_followed_is_the_one_that_was_asked_for(
    people: People, door: Client, token: str
) -> None:
    message = await sent(door, token, "0639980400", "0639980411", at=LATER)
    page = await people.viewer.get(f"{people.place}/campaigns/{message}?number=0411")
    assert f'data-live="{people.place}/campaigns/{message}/live?number=0411"' in page.text
    async with follow(people.viewer, f"{people.place}/campaigns/{message}/live", "number=0411") as events:
        first = await parts(events)
        assert first is not None
        assert ("+33639980411" in first["calls"], "+33639980400" in first["calls"]) == (True, False)


async def test_the_first_page_follows_what_is_under_way(people: People, door: Client, token: str) -> None:
    assert "data-live" not in (await people.viewer.get(people.place)).text
    message = await sent(door, token, at=LATER)
    page = await people.viewer.get(people.place)
    assert f'data-live="{people.place}/live"' in page.text
    async with follow(people.viewer, f"{people.place}/live") as events:
        first = await parts(events)
        assert first is not None
        assert message in first["under-way"]
        assert "€0.006 set aside" in first["balance"]
        await door.done(f"messages/{message}/cancel")
        seen = dict(first)
        while (changed := await parts(events)) is not None:
            seen |= changed
        assert "All of it is over." in seen["under-way"]
        assert "€0.00 set aside" in seen["balance"]


async def test_a_stream_lasts_for_a_while_and_the_browser_is_told_when_to_ask_again(
    people: People, door: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE_S", 0)
    message = await sent(door, token, at=LATER)
    async with follow(people.viewer, f"{people.place}/campaigns/{message}/live") as events:
        block = await events.block()
        assert block is not None
        assert block["retry"] == "1000"
        assert await events.block() is None
    await people.viewer.post("/console/sign-out")
    async with follow(people.viewer, f"{people.place}/campaigns/{message}/live") as events:
        assert events.status == 303, "whether it may is asked anew"


async def test_a_token_that_is_replaced_comes_with_the_stream(
    people: People, door: Client, token: str, clock: ManualClock
) -> None:
    message = await sent(door, token)
    await door.over(message)
    clock.advance(seconds=TOKEN_LIFE.total_seconds())
    async with follow(people.viewer, f"{people.place}/campaigns/{message}/live") as events:
        assert events.headers["set-cookie"].startswith(f"{NAME}=")


async def test_a_person_has_a_few_streams_open_at_once(people: People, door: Client, token: str) -> None:
    message = await sent(door, token, at=LATER)
    path = f"{people.place}/campaigns/{message}/live"
    async with AsyncExitStack() as others:
        for _ in range(live.MOST_OPEN - 1):
            assert (await others.enter_async_context(follow(people.viewer, path))).status == 200
        async with follow(people.viewer, path) as last:
            assert last.status == 200
            async with follow(people.viewer, path) as refused:
                assert refused.status == 429
            async with follow(people.manager, path) as anothers:
                assert anothers.status == 200
        async with follow(people.viewer, path) as again:
            assert again.status == 200
    assert not live._OPEN


async def test_nobody_follows_what_is_anothers(people: People, door: Client, token: str) -> None:
    message = await sent(door, token, at=LATER)
    theirs = f"/console/{people.other.account}/sandbox/campaigns/{message}/live"
    async with follow(people.stranger, theirs) as events:
        assert events.status == 404
