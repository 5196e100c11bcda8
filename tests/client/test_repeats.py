"""Requests that are made again by themselves: with a key alone, the same one, and not for ever."""

from __future__ import annotations

import json

import pytest

from portevoix.client import (
    ApiError,
    ConnectionFailed,
    Message,
    Order,
    RateLimited,
    ServiceFailed,
    UnexpectedAnswer,
    VoicePartner,
)
from portevoix.client import request as requests
from portevoix.client.errors import TimedOut
from portevoix.client.key import KeyPlace
from portevoix.client.request import LONGEST_PAUSE_S, Request, pause_before_repeat
from portevoix.client.waiting import Waiting
from tests.client.driven import Driven
from tests.client.odd_server import OddServer

KEY = "pv_test_0123456789abcdef"
BUSY = (503, b'{"code": "unavailable", "detail": "later"}')
MESSAGE = {
    "id": "Ff1tbu0lax", "kind": "voice", "state": "finished", "recipients": 1, "open": 0, "delivered": 1,
    "undelivered": 0, "cancelled": 0, "reserved_micros": 150_000, "settled_micros": 1, "held_micros": 0,
    "duration_s": 6.3, "audio": None, "audio_name": None, "text": "Bonjour", "lang": "fr", "sender": None,
    "notify_url": None, "email": None, "retries": {"most": 0, "spacing_s": 300}, "is_scheduled": False,
    "at": "2026-01-13T11:35:00Z", "created_at": "2026-01-13T11:35:00Z", "finished_at": None, "eta": None,
    "released_micros": 5,
}  # fmt: skip
ANSWER = json.dumps(MESSAGE).encode()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PAUSES_S", (0, 0))


@pytest.fixture(params=[VoicePartner, Driven], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> type[VoicePartner]:
    found: type[VoicePartner] = request.param
    return found


@pytest.mark.parametrize("first", [BUSY, (0, b""), (503, b"<html>Busy</html>")])
def test_a_message_is_sent_again_under_the_same_key_at_most_twice(
    client: type[VoicePartner], first: tuple[int, bytes]
) -> None:
    with OddServer(201, ANSWER, first=[first] * 2) as server, client(KEY, base_url=server.url) as voice:
        message = voice.send(Order("0639980000", text="Bonjour"))
        server.first.extend([first] * 3)
        with pytest.raises((ServiceFailed, ConnectionFailed, UnexpectedAnswer)):
            voice.send(Order("0639980000", text="Bonjour"))
    assert isinstance(message, Message)
    keys = [asked.headers["Idempotency-Key"] for asked in server.asked]
    assert len(keys) == 6
    assert keys[:3] == [keys[0]] * 3
    assert keys[3:] == [keys[3]] * 3
    assert keys[0] != keys[3], "every message has its own"
    assert all(len(key) == 32 for key in keys)
    assert {asked.body for asked in server.asked} == {server.asked[0].body}


def test_a_file_is_sent_again_from_its_beginning() -> None:
    with OddServer(201, ANSWER, first=[BUSY]) as server, VoicePartner(KEY, base_url=server.url) as voice:
        voice.send(Order(text="Bonjour"), b"0639980000\n0639980001\n", idempotency_key="k-1")
    for asked in server.asked:
        assert b"0639980000\n0639980001\n" in asked.body
        assert b'{"kind": "voice", "text": "Bonjour"}' in asked.body
        assert asked.headers["Idempotency-Key"] == "k-1"
    assert len(server.asked) == 2


@pytest.mark.parametrize("what", ["pause", "resume", "stop", "replay", "advance", "reset", "rotate"])
def test_every_change_of_v2_bears_a_key_and_is_repeated(what: str) -> None:
    uses = {
        "pause": lambda: voice.pause("Ff1tbu0lax"),
        "resume": lambda: voice.resume("Ff1tbu0lax"),
        "stop": lambda: voice.stop("Ff1tbu0lax"),
        "replay": lambda: voice.replay("msg_1"),
        "advance": lambda: voice.sandbox.advance(60),
        "reset": lambda: voice.sandbox.reset(),
        "rotate": lambda: voice.rotate_webhook_secret(),
    }
    refused = (409, b'{"code": "message_begun", "detail": "over"}')
    with (
        OddServer(first=[BUSY, refused]) as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises(ApiError),
    ):
        uses[what]()
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len(server.asked) == 2, "a refusal is final"


def test_reading_and_pricing_are_asked_for_once() -> None:
    with OddServer(first=[BUSY] * 9) as server, VoicePartner(KEY, base_url=server.url) as voice:
        for use in (lambda: voice.quote(Order("0639980000", text="x")), voice.balance, lambda: voice.speech("x")):
            with pytest.raises(ServiceFailed):
                use()
    assert len(server.asked) == 3
    assert not any("Idempotency-Key" in asked.headers for asked in server.asked)


def test_no_request_is_repeated_without_a_key() -> None:
    request = Request("POST", "/v2/messages", KeyPlace.BEARER, lambda answer: answer, is_repeated=True)
    assert request.pauses_s == ()


def test_a_busy_service_may_have_a_repeat_wait_but_not_for_long() -> None:
    def pause_s(retry_after: float | None) -> float:
        return pause_before_repeat(ServiceFailed("busy", "later", 503, retry_after), 0.3)

    assert [pause_s(None), pause_s(0), pause_s(2), pause_s(3_600)] == [0.3, 0.3, 2, LONGEST_PAUSE_S]
    for final in (ServiceFailed("defect", "sorry", 500), RateLimited(429, "slower", 429, 1.0)):
        with pytest.raises(type(final)):
            pause_before_repeat(final, 0.3)


def test_a_file_that_is_sent_may_take_longer_than_other_answers() -> None:
    with OddServer() as server, VoicePartner(KEY, base_url=server.url, timeout_s=3) as voice:
        plain = Request("GET", "/v2/credit", KeyPlace.BEARER, lambda answer: answer)
        longer = Request("GET", "/v2/credit", KeyPlace.BEARER, lambda answer: answer, least_timeout_s=120)
        for request, read_s in ((plain, 3), (longer, 120)):
            timeout = request.build(voice._http, voice._key).extensions["timeout"]
            assert (timeout["connect"], timeout["read"]) == (3, read_s)


def test_a_wait_looks_often_at_first_and_seldom_in_the_end() -> None:
    waiting = Waiting(0, None, None)
    steps = [waiting.looked(0) for _ in range(12)]
    assert steps[:3] == [0.25, 0.375, 0.5625]
    assert steps == sorted(steps)
    assert steps[-1] == 5
    assert [Waiting(0, None, 7).looked(0) for _ in range(2)] == [7, 7]


def test_a_wait_looks_a_last_time_when_its_time_is_over() -> None:
    waiting = Waiting(100, 10, 8)
    assert waiting.looked(100) == 8
    assert waiting.looked(108) == 2
    with pytest.raises(TimedOut):
        waiting.looked(110)


def test_a_wait_puts_up_with_a_service_that_is_away_for_a_while() -> None:
    waiting = Waiting(0, None, 1)
    assert waiting.failed(0, RateLimited(429, "slower", 429, 30.0)) == 30
    assert waiting.failed(0, ConnectionFailed("away")) == 1
    waiting.looked(0)
    for _ in range(5):
        waiting.failed(0, ConnectionFailed("away"))
    with pytest.raises(ConnectionFailed):
        waiting.failed(0, ConnectionFailed("away"))
    with pytest.raises(ServiceFailed):
        Waiting(0, None, 1).failed(0, ServiceFailed("defect", "sorry", 500))


def test_waiting_goes_on_where_the_service_was_away(client: type[VoicePartner]) -> None:
    with OddServer(200, ANSWER, first=[(0, b""), BUSY]) as server, client(KEY, base_url=server.url) as voice:
        assert voice.wait("Ff1tbu0lax", poll_s=0).is_over
    assert len(server.asked) == 3
