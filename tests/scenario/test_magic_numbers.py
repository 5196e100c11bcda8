"""Every magic number, from the request to what a real receiver gets: outcome, cost and webhooks, byte for byte.

The phones ring for 4 s. They are called at 11:35:00 UTC, which is 12:35:00 in Paris.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from portevoix.domain.ids import Mode
from portevoix.domain.magic import BEHAVIOURS, RANDOM
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.schedule import PARIS
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.credit import check_ledger
from portevoix.service.events import follow_events
from portevoix.service.reading import find_access
from tests.conftest import Serve
from tests.notify.receiver import Received, Receiver
from tests.parts import PATIENCE_S
from tests.wire.sound import keep

MESSAGE_S = 50
MICROS_A_SECOND = 1_000
DEPOSIT_MICROS = 150_000
CALLED_AT = datetime(2026, 1, 13, 12, 35, tzinfo=PARIS)


@dataclass(frozen=True)
class Told:
    """What becomes of a call.

    Args:
        ended_s: after it was dialled.
        duration_s: from its answer on, billed; 0 where nobody answered.
    """

    outcome: str
    cause: int
    ended_s: int
    duration_s: int = 0
    status: str = "delivered"
    keys: str = ""
    attempts: int = 1


def refused(outcome: str, cause: int, ended_s: int) -> Told:
    return Told(outcome, cause, ended_s, status="undelivered")


ANSWERED = Told("answered", 200, 4 + 6, 6)
VOICE = {
    0: ANSWERED,
    1: Told("answered", 200, 4 + 45, 45),
    10: refused("no_answer", 487, 4),
    11: refused("busy", 486, 0),
    12: refused("declined", 603, 4),
    13: refused("unreachable", 480, 0),
    14: Told("answered", 200, 4 + 2, 2),
    20: Told("voicemail", 200, 4 + MESSAGE_S, MESSAGE_S),
    21: refused("mailbox_full", 480, 4),
    22: ANSWERED,
    30: Told("answered", 200, 4 + 6, 6, keys="1"),
    39: Told("answered", 200, 4 + 6, 6, keys="9"),
    41: refused("opted_out", 607, 0),
    43: refused("blocked", 608, 0),
    44: refused("outside_hours", 403, 0),
    60: ANSWERED,
    61: ANSWERED,
    62: ANSWERED,
    63: ANSWERED,
    70: Told("answered", 200, 4 + 6, 6, attempts=2),
    99: ANSWERED,
}
LATE, TWICE, OUT_OF_ORDER, NEVER = 60, 61, 62, 63

#: The API's own answers; what they do to the send is in tests/wire/test_sending.py, but for 50 and 52.
OF_THE_API = {40, 42, 50, 51, 52}


def phone(code: int, prefix: str = "06399804") -> str:
    return f"{prefix}{code:02}"


def body_of(campaign: str, code: int, told: Told, status: str) -> bytes:
    """Write a webhook as the contract has it."""
    is_answered = "VOICE_ANSWERED" if told.duration_s else "VOICE_NOT_ANSWERED"
    done_at = CALLED_AT + timedelta(seconds=told.ended_s)
    return (
        f'{{"campaignId":"{campaign}","status":"{status}","additionnal_status":"{is_answered}",'
        f'"phoneNumber":"0033{phone(code)[1:]}","sendAt":"2026-01-13 12:35:00","doneAt":"{done_at:%Y-%m-%d %H:%M:%S}",'
        f'"duration":{told.duration_s},"audioFileComplementaire":{{"status":"Deposit"}}}}'
    ).encode()


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie", sandbox_micros=100 * MICROS_PER_EURO)


@pytest.fixture
async def token(house: House, account: OpenedAccount) -> str:
    """A recording that plays for longer than anybody listens."""
    return (await keep(house, account.account, "annonce", 8_000 * MESSAGE_S, mode=Mode.SANDBOX)).token


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def http(serve: Serve, account: OpenedAccount, hearing: None) -> AsyncIterator[httpx2.AsyncClient]:
    """A server whose phones wait for nothing, with the account's key; its clock stands still, so no pace is used up."""
    paces = dict.fromkeys(("calls_per_second", "account_calls_per_second"), 1_000_000)
    async with serve(simulator_speed="max", webhooks_allow="127.0.0.0/8", limit_me="off", **paces) as http:
        http.headers["authorization"] = f"Bearer {account.test_key}"
        yield http


async def get(http: httpx2.AsyncClient, path: str) -> Any:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ended(http: httpx2.AsyncClient, house: House, campaign: str) -> dict[str, Any]:
    """Follow the account's events until a message is over; returns it."""
    access = await find_access(house, http.headers["authorization"].removeprefix("Bearer "))
    async with asyncio.timeout(PATIENCE_S), aclosing(follow_events(house, access, 0)) as pages:
        async for page in pages:
            if any(event.type == "message.finished" and event.data["message"] == campaign for event in page.events):
                break
    message: dict[str, Any] = await get(http, f"/v2/messages/{campaign}")
    return message


def verified(webhook: Received, secret: str) -> None:
    """Check a signature with the library that receivers use; by its time, for the clock of this test stands still."""
    headers = webhook.headers
    signed = webhook.body.decode() if webhook.method == "POST" else webhook.query
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == Webhook(secret).sign(headers["webhook-id"], at, signed)


def test_no_magic_number_is_left_out() -> None:
    drawn = set(range(80, 90))
    assert set(VOICE) - {99} | OF_THE_API == set(BEHAVIOURS) - drawn


async def test_every_voice_sms(http: httpx2.AsyncClient, token: str, receiver: Receiver, house: House) -> None:
    body = {"tokenAudio": token, "phoneNumbers": ",".join(map(phone, VOICE)), "notifyUrl": receiver.url("/hook")}
    sent = (await http.post("/v1/tts/send", json=body)).json()
    campaign = sent["campaignId"]
    assert sent["cost"] == len(VOICE) * MESSAGE_S / 1_000

    message = await ended(http, house, campaign)
    calls = (await get(http, f"/v2/messages/{campaign}/calls?limit=100"))["items"]
    assert {
        int(call["to"][-2:]): (call["outcome"], call["cause"], call["duration_s"], call["attempts"]) for call in calls
    } == {code: (told.outcome, told.cause, told.duration_s, told.attempts) for code, told in VOICE.items()}
    costs = {int(call["to"][-2:]): call["cost_micros"] for call in calls}
    assert costs == {code: told.duration_s * MICROS_A_SECOND for code, told in VOICE.items()}
    assert message["settled_micros"] == sum(costs.values())
    credit = await get(http, "/v2/credit")
    assert (credit["available_micros"], credit["held_micros"]) == (100 * MICROS_PER_EURO - sum(costs.values()), 0)

    expected = [body_of(campaign, code, told, told.status) for code, told in VOICE.items() if code not in (LATE, NEVER)]
    expected += [body_of(campaign, TWICE, VOICE[TWICE], "delivered")]
    expected += [body_of(campaign, OUT_OF_ORDER, VOICE[OUT_OF_ORDER], "pending")]
    async with asyncio.timeout(PATIENCE_S):
        received = await receiver.wait_for(len(expected))
    assert sorted(webhook.body for webhook in received) == sorted(expected)
    assert await check_ledger(house) == []

    of_one = [webhook for webhook in received if phone(OUT_OF_ORDER)[1:].encode() in webhook.body]
    assert [json.loads(webhook.body)["status"] for webhook in of_one] == ["delivered", "pending"]
    twins = {webhook.headers["webhook-id"] for webhook in received if phone(TWICE)[1:].encode() in webhook.body}
    assert len(twins) == 1
    assert len({webhook.headers["webhook-id"] for webhook in received}) == len(received) - 1
    secret = (await get(http, "/v2/webhook-secret"))["secret"]
    for webhook in received:
        assert (webhook.method, webhook.path, webhook.query) == ("POST", "/hook", "")
        assert webhook.headers["content-type"] == "application/json"
        verified(webhook, secret)


async def test_the_late_callback_waits_for_a_minute_and_the_other_never_comes(
    http: httpx2.AsyncClient, token: str, receiver: Receiver, house: House
) -> None:
    body = {"tokenAudio": token, "phoneNumbers": f"{phone(LATE)},{phone(NEVER)}", "notifyUrl": receiver.url("/hook")}
    campaign = (await http.post("/v1/tts/send", json=body)).json()["campaignId"]
    await ended(http, house, campaign)
    (late,) = (await get(http, "/v2/webhooks"))["items"]
    assert late["body"].encode() == body_of(campaign, LATE, VOICE[LATE], "delivered")
    assert (late["state"], late["due_at"]) == ("pending", "2026-01-13T11:36:00Z")
    assert receiver.received == []


async def test_keys_that_were_pressed_are_told(http: httpx2.AsyncClient, token: str, house: House) -> None:
    body = {"tokenAudio": token, "phoneNumbers": f"{phone(30)},{phone(39)},{phone(0)}"}
    campaign = (await http.post("/v1/tts/send", json=body)).json()["campaignId"]
    await ended(http, house, campaign)
    entries = (await get(http, "/v2/sandbox/inbox"))["items"]
    assert {int(entry["number"][-2:]): entry["keys"] for entry in entries} == {30: "1", 39: "9", 0: ""}


async def test_a_number_of_chance_does_the_same_each_time(http: httpx2.AsyncClient, token: str, house: House) -> None:
    outcomes = []
    for _ in range(2):
        body = {"tokenAudio": token, "phoneNumbers": ",".join(phone(code) for code in range(80, 90))}
        campaign = (await http.post("/v1/tts/send", json=body)).json()["campaignId"]
        await ended(http, house, campaign)
        calls = (await get(http, f"/v2/messages/{campaign}/calls"))["items"]
        outcomes.append([(call["outcome"], call["duration_s"]) for call in calls])
    drawn = {(VOICE[code].outcome, VOICE[code].duration_s) for code in RANDOM}
    assert set(outcomes[0]) <= drawn
    assert len(set(outcomes[0])) > 1
    assert outcomes[0] == outcomes[1]


async def test_an_answer_that_is_lost_is_there_for_the_repeat_and_the_phone_rings_once(
    http: httpx2.AsyncClient, token: str, receiver: Receiver
) -> None:
    for count, code in enumerate((50, 52), start=1):
        body = {"tokenAudio": token, "phoneNumbers": phone(code), "notifyUrl": receiver.url("/hook")}
        keyed = {"idempotency-key": f"of-{code}"}
        spoiled = asyncio.create_task(http.post("/v1/tts/send", json=body, headers=keyed))
        async with asyncio.timeout(PATIENCE_S):
            received = await receiver.wait_for(count)
        if code == 50:
            assert (await spoiled).status_code == 500
        else:
            assert not spoiled.done()
            spoiled.cancel()
        again = await http.post("/v1/tts/send", json=body, headers=keyed)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
        assert received[-1].body == body_of(again.json()["campaignId"], code, ANSWERED, "delivered")
    assert len((await get(http, "/v2/sandbox/inbox"))["items"]) == 2
    assert len(receiver.received) == 2


MOBILE_LEFT = ("voicemail", DEPOSIT_MICROS)
TAKEN = ("taken_by_person", 0)
FAILED = {11: "busy", 13: "unreachable", 41: "opted_out", 43: "blocked", 44: "outside_hours", 21: "mailbox_full"}
DEPOSITS_ON_MOBILES = {code: (FAILED[code], 0) if code in FAILED else MOBILE_LEFT for code in VOICE}
DEPOSITS_ON_LANDLINES = {code: (FAILED[code], 0) if code in FAILED else TAKEN for code in VOICE} | {
    10: MOBILE_LEFT,
    20: MOBILE_LEFT,
    12: ("declined", 0),
}


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("06399804", DEPOSITS_ON_MOBILES), ("01990004", DEPOSITS_ON_LANDLINES)],
    ids=["mobiles", "landlines"],
)
async def test_every_deposit(
    http: httpx2.AsyncClient,
    token: str,
    receiver: Receiver,
    house: House,
    prefix: str,
    expected: dict[int, tuple[str, int]],
) -> None:
    numbers = ",".join(phone(code, prefix) for code in expected)
    body = {"tokenAudio": token, "phoneNumbers": numbers, "notifyUrl": receiver.url("/hook?ours=1")}
    campaign = (await http.post("/v1/campaign/send", json=body)).json()["campaignId"]
    await ended(http, house, campaign)
    calls = (await get(http, f"/v2/messages/{campaign}/calls?limit=100"))["items"]
    assert {int(call["to"][-2:]): (call["outcome"], call["cost_micros"]) for call in calls} == expected
    delivered = sum(cost > 0 for _, cost in expected.values())
    async with asyncio.timeout(PATIENCE_S):
        (webhook,) = await receiver.wait_for(1)
    ours, campaign_token, rest = webhook.query.split("&", 2)
    assert (webhook.method, webhook.path, webhook.body, ours) == ("GET", "/hook", b"", "ours=1")
    assert campaign_token.startswith("campaign_token=")
    assert rest == f"campaign_id={campaign}&delivered_quantity={delivered}&total_quantity={len(expected)}"
    verified(webhook, (await get(http, "/v2/webhook-secret"))["secret"])
    assert await check_ledger(house) == []
