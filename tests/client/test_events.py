"""Server-sent events: read in whatever pieces they come, over as many connections as it takes."""

from __future__ import annotations

import json

import pytest

from portevoix.client import (
    AccessDenied,
    ConnectionFailed,
    Event,
    InvalidKey,
    RateLimited,
    ServiceFailed,
    UnexpectedAnswer,
    VoicePartner,
    VoicePartnerError,
)
from portevoix.client.event import LONGEST_PAUSE_S, EventStream
from tests.client.driven import Driven
from tests.client.odd_server import OddServer

KEY = "pv_test_0123456789abcdef"
ODD_TEXT = "é\u2028\u0085"  # ends a line elsewhere, and not here
STREAM = {"Content-Type": "text/event-stream"}


def written(*numbers: int, end: str = "\n") -> bytes:
    """Write events as the service does."""
    events = []
    for number in numbers:
        told = {
            "id": str(number),
            "type": "call.ended",
            "at": "2026-01-13T11:35:00Z",
            "data": {"text": ODD_TEXT},
        }
        data = json.dumps(told, ensure_ascii=False)
        events.append(f"id: {number}{end}event: call.ended{end}data: {data}{end}{end}")
    return "".join(events).encode()


def stream(**options: object) -> EventStream:
    made = EventStream(None, signed=False, when_lost=None, **options)  # type: ignore[arg-type]
    made.opened("text/event-stream; charset=utf-8")
    return made


def read(pieces: list[bytes]) -> list[Event]:
    reading = stream()
    return [event for piece in pieces for event in reading.read(piece)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_pieces_and_line_ends_do_not_matter(end: str, size: int) -> None:
    whole = b": there\n\n" + written(1, 2, end=end) + b":\n"
    events = read([whole[place : place + size] for place in range(0, len(whole), size)])
    assert [event.id for event in events] == ["1", "2"]
    assert events[0].data == {"text": ODD_TEXT}
    assert events[0].webhook is None


def test_what_the_standard_has_and_the_service_does_not_use_is_read() -> None:
    told = json.dumps({"id": 7, "type": "x", "at": "2026-01-13T11:35:00Z", "data": {}, "later": 1})
    first, second = told[:10], told[10:]
    (event,) = read([f"other: x\nid:7\nretry: soon\ndata:{first}\ndata: {second}\n\n".encode()])
    assert (event.id, event.type) == ("7", "x")


@pytest.mark.parametrize("data", ["x", "[]", "{}", '{"id": 1.5}', '{"id": "1", "type": "x", "at": "now", "data": {}}'])
def test_an_event_that_does_not_read_is_told(data: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="event"):
        read([f"data: {data}\n\n".encode()])


def test_an_id_without_data_tells_how_far_the_stream_is() -> None:
    reading = stream()
    assert list(reading.read(b"id: 41\n\nid: 42\ndata: {")) == []
    assert reading.request().headers == {"Last-Event-ID": "41"}, "what was cut off is told again"


def test_a_signed_notice_is_read() -> None:
    told = {
        "id": "1", "type": "message.finished", "at": "2026-01-13T11:35:00Z", "data": {},
        "webhook": {"method": "GET", "headers": {"webhook-id": "evt_1"}, "query": "campaign_id=x"},
    }  # fmt: skip
    (event,) = read([f"data: {json.dumps(told)}\n\n".encode()])
    assert event.webhook is not None
    assert (event.webhook.method, event.webhook.query, event.webhook.body) == ("GET", "campaign_id=x", None)


@pytest.mark.parametrize("client", [VoicePartner, Driven], ids=["sync", "async"])
def test_a_connection_that_ends_is_made_again_after_the_last_event(client: type[VoicePartner]) -> None:
    lost: list[VoicePartnerError] = []
    with OddServer(200, b"retry: 0\n\n" + written(4, 5), STREAM) as server, client(KEY, base_url=server.url) as voice:
        events = voice.events("3", signed=True, when_lost=lost.append)
        assert [next(events).id, next(events).id] == ["4", "5"]
        server.first.extend([(503, b'{"code": "unavailable", "detail": "later"}'), (0, b"")])
        server.body = written(6)
        assert next(events).id == "6"
        events.close()  # type: ignore[attr-defined]
    assert [type(fault) for fault in lost] == [ConnectionFailed, ServiceFailed, ConnectionFailed]
    assert [asked.headers["Last-Event-ID"] for asked in server.asked] == ["3", "5", "5", "5"]
    assert {asked.path for asked in server.asked} == {"/v2/events?signed=1"}
    assert {asked.headers["Accept"] for asked in server.asked} == {"text/event-stream"}


@pytest.mark.parametrize("client", [VoicePartner, Driven], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"code": "key_unknown", "detail": "wrong"}', InvalidKey),
        (403, b'{"code": "scope_refused", "detail": "no"}', AccessDenied),
        (404, b"<html>", UnexpectedAnswer),
        (200, b"{}", UnexpectedAnswer),
        (503, b'{"code": "unavailable", "detail": "later"}', ServiceFailed),
        (0, b"", ConnectionFailed),
    ],
)
def test_a_service_that_was_never_there_is_told(
    client: type[VoicePartner], status: int, body: bytes, kind: type[VoicePartnerError]
) -> None:
    with (
        OddServer(first=[(status, body)]) as server,
        client(KEY, base_url=server.url) as voice,
        pytest.raises(kind),
    ):
        next(voice.events())
    assert len(server.asked) == 1
    assert "Last-Event-ID" not in server.asked[0].headers


def test_the_pause_grows_until_something_comes() -> None:
    reading = stream()
    away = ConnectionFailed("away")
    pauses = [reading.pause_s(away) for _ in range(8)]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert list(reading.read(b":\n\n")) == []
    assert reading.pause_s(RateLimited(429, "slower", 429, 12.0)) == 12
    with pytest.raises(InvalidKey):
        reading.pause_s(InvalidKey("key_unknown", "revoked meanwhile", 401))
