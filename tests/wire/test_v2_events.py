"""/v2/events: what happens to the account, as it happens, to its owner alone, and nothing of it missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from portevoix.api.v2 import events as door_of_events
from portevoix.domain.account import Scope
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service import events as service_of_events
from portevoix.service.accounts import OpenedAccount, watch_balance
from portevoix.service.keys import list_keys, revoke_key
from tests.conftest import Serve
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S
from tests.wire.modern import FAST, LATER, Client, problem
from tests.wire.sound import key_with


async def sent(door: Client, token: str, **order: Any) -> str:
    """Send a message; returns its id."""
    made = await door.done("messages", {"to": ["0639980400"], "audio": token, **order})
    return str(made["id"])


async def happened(door: Client, count: int, query: str = "after=0", **headers: str) -> list[dict[str, Any]]:
    """Read so many events."""
    async with door.events(query, **headers) as events:
        return [await events.event() for _ in range(count)]


async def test_a_stream_begins_at_once_and_says_where(door: Client, token: str) -> None:
    async with door.events() as events:
        assert events.status == 200
        told = {name: events.headers.get(name) for name in ("content-type", "cache-control", "x-accel-buffering")}
        assert told == {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}
        assert "x-ratelimit-remaining" in events.headers
        assert "content-length" not in events.headers
        assert await events.block() == {"": "", "id": "0"}
    await sent(door, token, at=LATER)
    (accepted,) = await happened(door, 1)
    async with door.events() as events:
        assert await events.block() == {"": "", "id": accepted["id"]}


async def test_a_voice_sms_is_told_from_its_acceptance_to_its_end(door: Client, token: str) -> None:
    message = await sent(door, token, to=["0639980430"])
    await door.over(message)
    accepted, ended, finished = await happened(door, 3)
    assert all(list(event) == ["id", "type", "at", "data"] for event in (accepted, ended, finished))
    assert (accepted["type"], accepted["at"]) == ("message.accepted", "2026-01-13T11:35:00Z")
    assert accepted["data"] == {"message": message, "recipients": 1}
    assert (ended["type"], ended["at"]) == ("call.ended", "2026-01-13T11:35:10Z")
    body = ended["data"].pop("notification")
    assert ended["data"] == {
        "message": message,
        "call": f"{message}-1",
        "number": "+33639980430",
        "state": "finished",
        "outcome": "answered",
        "cause": 200,
        "duration_s": 6,
        "cost_micros": 6_000,
        "attempts": 1,
        "keys": "1",
    }
    assert (body["method"], f'"campaignId":"{message}","status":"delivered"' in body["body"]) == ("POST", True)
    assert (finished["type"], finished["at"]) == ("message.finished", "2026-01-13T11:35:10Z")
    assert finished["data"] == {
        "message": message,
        "kind": "voice",
        "state": "finished",
        "recipients": 1,
        "delivered": 1,
        "cost_micros": 6_000,
    }


async def test_what_else_happens_is_told_as_well(
    account: OpenedAccount, token: str, serve: Serve, house: House
) -> None:
    await watch_balance(house, AccountRef(account.account, Mode.SANDBOX), 9_990_000)
    async with Receiver() as receiver, serve(**FAST, webhooks_allow="127.0.0.0/8") as http:
        door = Client(http, account.test_key)
        cancelled = await sent(door, token, to=["0639980400", "0639980401"], at=LATER)
        await door.done(f"messages/{cancelled}/cancel")
        await sent(door, token, notify_url=receiver.url("/hook"))
        told = {event["type"]: event["data"] for event in await happened(door, 7)}
    assert set(told) == {
        *("message.accepted", "credit.low", "message.cancelled", "call.ended", "message.finished", "webhook.delivered")
    }
    assert told["credit.low"] == {"available_micros": 9_988_000, "threshold_micros": 9_990_000}
    assert told["message.cancelled"] == {"message": cancelled, "recipients": 2, "released_micros": 12_000}
    assert told["webhook.delivered"] | {"webhook": ""} == {"webhook": "", "status": 200, "fault": None}


async def test_a_stream_goes_on_after_any_event_without_a_gap_or_a_repeat(door: Client, token: str) -> None:
    messages = [await sent(door, token) for _ in range(3)]
    await door.over(*messages)
    everything = await happened(door, 9)
    for place in range(8):
        last = everything[place]["id"]
        rest = everything[place + 1 :]
        assert await happened(door, len(rest), f"after={last}") == rest
        assert await happened(door, len(rest), last_event_id=last) == rest
    assert await happened(door, 8, "after=0", last_event_id=everything[0]["id"]) == everything[1:]


async def test_what_happens_while_nobody_listens_is_told_afterwards(door: Client, token: str) -> None:
    async with door.events() as events:
        first = await sent(door, token, at=LATER)
        seen = await events.event()
        assert seen["data"]["message"] == first
    missed = [await sent(door, token, at=LATER) for _ in range(3)]
    told = await happened(door, 3, "", last_event_id=seen["id"])
    assert [event["data"]["message"] for event in told] == missed


async def test_without_a_place_only_what_is_to_come_is_told(door: Client, token: str) -> None:
    await sent(door, token, at=LATER)
    async with door.events() as events:
        later = await sent(door, token, at=LATER)
        assert (await events.event())["data"]["message"] == later


async def test_several_who_follow_are_all_told_all_of_it(door: Client, token: str) -> None:
    async with door.events() as one, door.events() as other:
        messages = [await sent(door, token, at=LATER) for _ in range(5)]
        for events in (one, other):
            assert [(await events.event())["data"]["message"] for _ in messages] == messages


async def test_what_another_process_does_is_told(
    door: Client, token: str, account: OpenedAccount, serve: Serve
) -> None:
    async with door.events() as events, serve(**FAST) as elsewhere:
        message = await sent(Client(elsewhere, account.test_key), token, at=LATER)
        assert (await events.event())["data"]["message"] == message


async def test_a_silent_stream_says_that_it_is_there_and_where_to_go_on(
    door: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_of_events, "HEARTBEAT_S", 0.01)
    async with door.events("after=0") as events:
        assert await events.block() == {"": "", "id": "0"}
        message = await sent(door, token, at=LATER)
        event = await events.event()
        assert event["data"]["message"] == message
        assert [await events.block() for _ in range(3)] == [{"": "", "id": event["id"]}] * 3
    assert (await happened(door, 1, "after=0"))[0] == event


async def test_nobody_else_is_told(
    door: Client, token: str, account: OpenedAccount, stranger: OpenedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [Client(door.http, key) for key in (account.live_key, stranger.test_key, stranger.live_key)]
    for other in others:
        mine = await sent(door, token)
        await door.over(mine)
        (own,) = (await door.get("messages", limit=1))["items"]
        last = (await happened(door, 1))[0]["id"]
        monkeypatch.setattr(service_of_events, "HEARTBEAT_S", 0.01)
        for query in ("", "after=0", f"after={last}", "after=1"):
            async with other.events(query) as events:
                blocks = [await events.block() for _ in range(5)]
            assert own["id"] not in str(blocks)
            assert all("data" not in block for block in blocks if block is not None)
        monkeypatch.undo()


# With the webhook that tells of it


async def test_events_may_come_with_the_signed_webhook_that_they_are(
    account: OpenedAccount, token: str, serve: Serve
) -> None:
    async with serve(**FAST) as http:
        door = Client(http, account.test_key)
        await door.over(await sent(door, token), await sent(door, token, kind="deposit"))
        secrets = [(await door.get("webhook-secret"))["secret"], (await door.done("webhook-secret/rotate"))["secret"]]
        signed = [event for event in await happened(door, 6, "after=0&signed=1") if "webhook" in event]
        plain = await happened(door, 6)
    assert not any("webhook" in event for event in plain)
    assert sorted(event["type"] for event in signed) == ["call.ended", "message.finished"]
    for event in signed:
        webhook, notification = event["webhook"], event["data"]["notification"]
        where = "body" if webhook["method"] == "POST" else "query"
        assert set(webhook) == {"method", "headers", where}
        assert webhook["method"] == notification["method"]
        assert webhook[where] == notification[where]
        headers = webhook["headers"]
        assert headers["webhook-id"] == f"evt_{event['id']}"
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = [Webhook(secret).sign(headers["webhook-id"], at, webhook[where]) for secret in reversed(secrets)]
        assert headers["webhook-signature"].split(" ") == expected, "the new secret first"


# Who may follow


async def test_a_place_that_is_none_is_told_before_the_stream_begins(door: Client) -> None:
    for query, headers in (
        ("after=x", {}),
        ("after=-1", {}),
        ("signed=perhaps", {}),
        ("", {"last-event-id": "x"}),
        ("after=1", {"last-event-id": "1.5"}),
        ("after=" + "9" * 40, {}),
    ):
        answer = await door.ask("GET", f"events?{query}", headers=headers)
        problem(answer, 400, "invalid_value")


async def test_a_key_needs_the_right_to_read(door: Client, account: OpenedAccount, house: House) -> None:
    narrow = Client(door.http, await key_with(house, account.account, Scope.SEND, Scope.MANAGE))
    problem(await narrow.ask("GET", "events"), 403, "scope_refused")
    problem(await Client(door.http, "pv_live_" + "0" * 64).ask("GET", "events"), 401, "key_unknown")


async def test_a_stream_ends_with_the_right_to_read_it(
    door: Client, account: OpenedAccount, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_of_events, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(door_of_events, "RECHECK_S", 0)
    async with door.events() as events:
        assert await events.block() is not None
        assert await events.block() is not None
        for key in await list_keys(house, account.account):
            await revoke_key(house, key.id)
        async with asyncio.timeout(PATIENCE_S):
            while await events.block() is not None:
                pass
    problem(await door.ask("GET", "events"), 401, "key_unknown")
