"""/v2/webhooks and /v2/webhook-secret: what notifyUrls were told, told again, and signed with."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from portevoix.domain.account import KeyTerms, Scope
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount
from portevoix.service.keys import create_key
from tests.conftest import Serve
from tests.notify.receiver import Answer, Received, Receiver
from tests.parts import PATIENCE_S, ManualClock
from tests.wire.modern import FAST, Client, problem

WEBHOOK = ("id", "message", "call", "method", "url", "body", "state", "created_at", "due_at", "tries")
NOW = "2026-01-13T11:35:00Z"

#: Longer than any test waits.
AN_HOUR = {"Retry-After": "3600"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def door(account: OpenedAccount, serve: Serve) -> AsyncIterator[Client]:
    """The account's sandbox, on a server that may reach this machine."""
    async with serve(**FAST, webhooks_allow="127.0.0.0/8") as http:
        yield Client(http, account.test_key)


async def sent(door: Client, token: str, url: str, *to: str, **order: Any) -> str:
    """Send a message that tells of its outcome, and wait until it is over; returns its id."""
    body = {"to": to or ["0639980400"], "audio": token, "notify_url": url, **order}
    message = str((await door.done("messages", body))["id"])
    await door.over(message)
    return message


async def came(receiver: Receiver, count: int) -> list[Received]:
    async with asyncio.timeout(PATIENCE_S):
        return await receiver.wait_for(count)


def signatures(webhook: Received, *secrets: str) -> list[str]:
    """Sign it as the library of receivers does, with each secret."""
    at = datetime.fromtimestamp(int(webhook.headers["webhook-timestamp"]), UTC)
    signed = webhook.body.decode() if webhook.method == "POST" else webhook.query
    return [Webhook(secret).sign(webhook.headers["webhook-id"], at, signed) for secret in secrets]


# The log


async def test_a_webhook_is_shown_as_it_was_sent_with_its_try(
    door: Client, token: str, receiver: Receiver, clock: ManualClock
) -> None:
    receiver.answers.append(Answer(202, body=b"merci " * 300))
    message = await sent(door, token, receiver.url("/hook?a=1"))
    (shown,) = await door.until("webhooks", state="delivered")
    (webhook,) = receiver.received
    assert tuple(shown) == WEBHOOK
    assert re.fullmatch("msg_[0-9a-f]{32}", shown["id"])
    assert shown["id"] == webhook.headers["webhook-id"]
    assert shown["body"].encode() == webhook.body
    assert {name: shown[name] for name in ("message", "call", "method", "url", "created_at", "due_at")} == {
        "message": message,
        "call": f"{message}-1",
        "method": "POST",
        "url": receiver.url("/hook?a=1"),
        "created_at": NOW,
        "due_at": None,
    }
    (tried,) = shown["tries"]
    assert list(tried) == ["number", "at", "status", "fault", "body", "duration_ms"]
    assert (tried["number"], tried["at"], tried["status"], tried["fault"]) == (1, NOW, 202, None)
    assert tried["body"] == ("merci " * 300)[:1_000]
    assert tried["duration_ms"] >= 0
    assert await door.get(f"webhooks/{shown['id']}") == shown
    assert webhook.headers["webhook-timestamp"] == str(int(clock.now().timestamp()))


async def test_the_webhook_of_a_deposit_is_shown_with_its_query(door: Client, token: str, receiver: Receiver) -> None:
    message = await sent(door, token, receiver.url("/deposits?client=7"), "0639980400", "0639980411", kind="deposit")
    (shown,) = await door.until("webhooks", state="delivered")
    (webhook,) = receiver.received
    assert (shown["method"], shown["call"], shown["body"]) == ("GET", None, webhook.query)
    assert shown["url"] == receiver.url(f"/deposits?{webhook.query}")
    assert webhook.query.endswith(f"&campaign_id={message}&delivered_quantity=1&total_quantity=2")
    assert webhook.headers["webhook-signature"] == signatures(webhook, (await door.get("webhook-secret"))["secret"])[0]


async def test_webhooks_are_listed_newest_first_a_page_at_a_time_and_by_their_state(
    door: Client, token: str, receiver: Receiver
) -> None:
    receiver.answer(410)
    gone = await sent(door, token, receiver.url("/gone"))
    await door.until("webhooks", state="disabled")
    messages = [await sent(door, token, receiver.url("/hook")) for _ in range(4)]
    await door.until("webhooks", 4, state="delivered")
    pages = await door.walk("webhooks", 2)
    assert [[one["message"] for one in page] for page in pages] == [
        [messages[3], messages[2]],
        [messages[1], messages[0]],
        [gone],
    ]
    assert [one["message"] for one in (await door.get("webhooks", state="disabled"))["items"]] == [gone]
    delivered = await door.walk("webhooks", 3, state="delivered")
    assert [len(page) for page in delivered] == [3, 1]
    assert (await door.get("webhooks", state="dead"))["items"] == []
    problem(await door.ask("GET", "webhooks", params={"state": "lost"}), 400, "invalid_value")


async def test_a_webhook_that_was_not_taken_waits_for_its_next_try(
    door: Client, token: str, receiver: Receiver
) -> None:
    receiver.answers.append(Answer(503, AN_HOUR, b"not now"))
    await sent(door, token, receiver.url("/hook"))
    shown = await door.tried()
    assert (shown["state"], shown["due_at"]) == ("pending", "2026-01-13T12:35:00Z")
    assert [(tried["status"], tried["body"]) for tried in shown["tries"]] == [(503, "not now")]


async def test_an_address_that_may_not_be_reached_is_told_in_the_log(
    account: OpenedAccount, token: str, serve: Serve, receiver: Receiver
) -> None:
    async with serve(**FAST) as http:
        door = Client(http, account.test_key)
        await sent(door, token, receiver.url("/hook"))
        shown = await door.tried()
    (tried,) = shown["tries"]
    assert (shown["state"], tried["status"], tried["body"]) == ("pending", None, "")
    assert "127.0.0.1" in tried["fault"] or "public" in tried["fault"]
    assert receiver.connections == 0


# Again


async def test_a_delivered_webhook_is_sent_again_under_its_id(
    door: Client, token: str, receiver: Receiver, clock: ManualClock
) -> None:
    await sent(door, token, receiver.url("/hook"))
    (shown,) = await door.until("webhooks", state="delivered")
    clock.advance(hours=1)
    replayed = await door.done(f"webhooks/{shown['id']}/replay")
    assert replayed == shown | {"state": "pending", "due_at": "2026-01-13T12:35:00Z"}
    first, second = await came(receiver, 2)
    assert (second.method, second.path, second.body) == (first.method, first.path, first.body)
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3_600
    (again,) = await door.until("webhooks", state="delivered")
    assert [tried["number"] for tried in again["tries"]] == [1, 2]


async def test_a_webhook_that_waits_is_sent_at_once_when_it_is_replayed(
    door: Client, token: str, receiver: Receiver
) -> None:
    receiver.answers.append(Answer(500, AN_HOUR))
    await sent(door, token, receiver.url("/hook"))
    shown = await door.tried()
    await door.done(f"webhooks/{shown['id']}/replay")
    first, second = await came(receiver, 2)
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    (delivered,) = await door.until("webhooks", state="delivered")
    assert [tried["status"] for tried in delivered["tries"]] == [500, 200]


async def test_a_webhook_that_fails_while_it_is_replayed_is_sent_at_once_all_the_same(
    door: Client, token: str, receiver: Receiver
) -> None:
    receiver.answers.append(Answer(500, AN_HOUR, hangs=True))
    await sent(door, token, receiver.url("/hook"))
    await came(receiver, 1)
    (shown,) = (await door.get("webhooks"))["items"]
    await door.done(f"webhooks/{shown['id']}/replay")
    receiver.release.set()
    await came(receiver, 2)
    (delivered,) = await door.until("webhooks", state="delivered")
    assert [tried["status"] for tried in delivered["tries"]] == [500, 200]
    await door.done(f"webhooks/{shown['id']}/replay")
    await came(receiver, 3)


async def test_a_replay_of_one_webhook_does_not_wait_for_another(door: Client, token: str, receiver: Receiver) -> None:
    receiver.answers.append(Answer(500, AN_HOUR))
    await sent(door, token, receiver.url("/hook"))
    await sent(door, token, receiver.url("/hook"))
    (delivered,) = await door.until("webhooks", state="delivered")
    await door.done(f"webhooks/{delivered['id']}/replay")
    ids = [webhook.headers["webhook-id"] for webhook in await came(receiver, 3)]
    assert ids[1:] == [delivered["id"]] * 2


async def test_a_url_that_is_gone_gets_nothing_until_one_of_its_webhooks_is_replayed(
    door: Client, token: str, receiver: Receiver
) -> None:
    receiver.answer(410)
    await sent(door, token, receiver.url("/hook"))
    (gone,) = await door.until("webhooks", state="disabled")
    await sent(door, token, receiver.url("/hook"))
    await door.until("webhooks", 2, state="disabled")
    assert len(receiver.received) == 1
    await sent(door, token, receiver.url("/other"))
    assert (await came(receiver, 2))[1].path == "/other"
    assert (await door.done(f"webhooks/{gone['id']}/replay"))["state"] == "pending"
    assert (await came(receiver, 3))[2].headers["webhook-id"] == gone["id"]
    await sent(door, token, receiver.url("/hook"))
    assert (await came(receiver, 4))[3].path == "/hook"


async def test_one_accounts_gone_url_is_not_anothers(
    door: Client, token: str, stranger: OpenedAccount, receiver: Receiver
) -> None:
    receiver.answer(410)
    await sent(door, token, receiver.url("/hook"))
    await door.until("webhooks", state="disabled")
    theirs = Client(door.http, stranger.test_key)
    order = {"to": ["0639980400"], "text": "Bonjour.", "notify_url": receiver.url("/hook")}
    await theirs.done("messages", order)
    await came(receiver, 2)


async def test_a_webhook_that_is_not_there_is_not_found(door: Client) -> None:
    for webhook in ("msg_" + "0" * 32, "msg_x", "x", "MSG_" + "0" * 32):
        problem(await door.ask("GET", f"webhooks/{webhook}"), 404, "webhook_not_found")
        problem(await door.post(f"webhooks/{webhook}/replay"), 404, "webhook_not_found")


# The secret


async def test_each_ledger_has_a_secret_of_its_own(
    door: Client, account: OpenedAccount, stranger: OpenedAccount
) -> None:
    keys = (account.test_key, account.live_key, stranger.test_key, stranger.live_key)
    answers = [await Client(door.http, key).get("webhook-secret") for key in keys]
    assert all(list(answer) == ["secret"] for answer in answers)
    assert len({answer["secret"] for answer in answers}) == 4
    assert await door.get("webhook-secret") == answers[0]


async def test_for_a_day_after_a_rotation_both_secrets_sign(
    door: Client, token: str, receiver: Receiver, clock: ManualClock
) -> None:
    old = (await door.get("webhook-secret"))["secret"]
    new = (await door.done("webhook-secret/rotate"))["secret"]
    assert old != new == (await door.get("webhook-secret"))["secret"]
    await sent(door, token, receiver.url("/hook"))
    clock.advance(hours=23, minutes=59, seconds=59)
    await sent(door, token, receiver.url("/hook"))
    await came(receiver, 2)
    clock.advance(seconds=1)
    await sent(door, token, receiver.url("/hook"))
    during, nearly, after = await came(receiver, 3)
    for webhook in (during, nearly):
        assert webhook.headers["webhook-signature"].split(" ") == signatures(webhook, new, old), "the new one first"
    assert after.headers["webhook-signature"].split(" ") == signatures(after, new)


async def test_the_secret_of_before_the_last_two_rotations_signs_nothing(
    door: Client, token: str, receiver: Receiver
) -> None:
    old = (await door.get("webhook-secret"))["secret"]
    newer = [(await door.done("webhook-secret/rotate"))["secret"] for _ in range(2)]
    await sent(door, token, receiver.url("/hook"))
    (webhook,) = await came(receiver, 1)
    told = webhook.headers["webhook-signature"].split(" ")
    assert told == signatures(webhook, *reversed(newer))
    assert signatures(webhook, old)[0] not in told


async def test_another_accounts_rotation_changes_nothing(door: Client, account: OpenedAccount) -> None:
    before = await door.get("webhook-secret")
    await Client(door.http, account.live_key).done("webhook-secret/rotate")
    assert await door.get("webhook-secret") == before


async def test_the_secret_needs_the_scope_to_manage(door: Client, account: OpenedAccount, house: House) -> None:
    terms = KeyTerms("narrow", frozenset({Scope.READ, Scope.SEND}))
    narrow = Client(door.http, (await create_key(house, AccountRef(account.account, Mode.SANDBOX), terms)).secret)
    before = await door.get("webhook-secret")
    problem(await narrow.ask("GET", "webhook-secret"), 403, "scope_refused")
    problem(await narrow.post("webhook-secret/rotate"), 403, "scope_refused")
    assert await door.get("webhook-secret") == before


async def test_the_secret_is_in_nothing_else_that_is_read(door: Client, token: str, receiver: Receiver) -> None:
    secret = (await door.get("webhook-secret"))["secret"]
    await sent(door, token, receiver.url("/hook"))
    await door.until("webhooks", state="delivered")
    for path in ("messages", "webhooks", "ledger", "credit", "sandbox/inbox", "audio"):
        told = json.dumps(await door.get(path))
        assert secret not in told
        assert secret.removeprefix("whsec_") not in told
