"""Sending through v1 as Voice Partner documents it: what goes over the wire, and how often."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from portevoix.client import (
    ApiError,
    AsyncVoicePartner,
    Cancelled,
    ConnectionFailed,
    InvalidKey,
    MessageBegun,
    NotFound,
    RecipientsRefused,
    Sent,
    ServiceFailed,
    Share,
    TimedOut,
    UnexpectedAnswer,
    VoicePartner,
    VoicePartnerError,
)
from tests.client.hosted import Hosted
from tests.client.odd_server import Asked, OddServer

KEY = "0123456789abcdef0123456789abcdef01234567"
PARIS = ZoneInfo("Europe/Paris")

TTS = (
    '{"success": true, "campaignId": "Ff1tbu0lax", "cost": 0.15, "currency": "EUR", "nbSms": 1, "lang": "fr", '
    '"duration": 6.3, "detail": {"33": {"nbSms": 1, "cost_unity": 0.15, "cost": 0.15, "country_code": "fr", '
    '"duration": 6.3}}}'
)
DEPOSIT = (
    '{"success": true, "campaignId": "Ff1tbu0lax", "cost": "0.15", "currency": "EUR", "nbSms": "1", '
    '"audioFile": {"filename": "filename.wav", "size": "135.8Ko"}, '
    '"detail": {"33": {"nbSms": 1, "cost_unity": 0.15, "cost": 0.15}}}'
)
CANCELLED = '{"success": true, "campaignId": "D572M", "assignedCredit": "1.8", "currency": "EUR"}'
SHARES = (Share("33", 1, Decimal("0.15"), Decimal("0.15")),)

Use = Callable[[VoicePartner], object]

SENDS: dict[str, Use] = {
    "tts": lambda voice: voice.send_tts("0639980000", "Bonjour"),
    "deposit": lambda voice: voice.deposit("0639980000", "token1"),
    "cancel": lambda voice: voice.cancel("D572M"),
}


def asked_for(use: Use, answer: str = TTS) -> Asked:
    """Ask once, and see what went over the wire."""
    with OddServer(200, answer.encode()) as server, VoicePartner(KEY, base_url=server.url) as voice:
        use(voice)
    (asked,) = server.asked
    return asked


def test_a_voice_sms_is_asked_for_as_it_is_documented() -> None:
    asked = asked_for(
        lambda voice: voice.send_tts(
            ["0639980000", "+33639980001"],
            "un ,,,,,, deux",
            lang="fr",
            speech_rate=1,
            notify_url="https://example.org/hook",
            at=datetime(2026, 7, 13, 16, 30, 15, 999_999, tzinfo=UTC),
        )
    )
    assert (asked.method, asked.path, asked.headers["Content-Type"]) == ("POST", "/v1/tts/send", "application/json")
    assert json.loads(asked.body) == {
        "apiKey": KEY,
        "phoneNumbers": "0639980000,+33639980001",
        "text": "un ,,,,,, deux",
        "lang": "fr",
        "speechRate": "1",
        "notifyUrl": "https://example.org/hook",
        "scheduledDate": "2026-07-13 18:30:15",
    }
    assert "Authorization" not in asked.headers


def test_what_is_not_given_is_not_sent() -> None:
    assert json.loads(asked_for(SENDS["tts"]).body) == {
        "apiKey": KEY, "phoneNumbers": "0639980000", "text": "Bonjour",
    }  # fmt: skip
    assert json.loads(asked_for(lambda voice: voice.send_tts("0639980000", audio="token1")).body) == {
        "apiKey": KEY, "phoneNumbers": "0639980000", "tokenAudio": "token1",
    }  # fmt: skip


def test_a_deposit_is_asked_for_as_it_is_documented() -> None:
    asked = asked_for(
        lambda voice: voice.deposit(
            "0639980000,0199000000",
            "token1",
            email="mairie@example.org",
            sender="0199000001",
            notify_url="https://example.org/hook",
            at=datetime(2026, 12, 31, 18, 0, tzinfo=PARIS),
        ),
        DEPOSIT,
    )
    assert (asked.method, asked.path) == ("POST", "/v1/campaign/send")
    assert json.loads(asked.body) == {
        "apiKey": KEY,
        "tokenAudio": "token1",
        "phoneNumbers": "0639980000,0199000000",
        "emailForNotification": "mairie@example.org",
        "sender": "0199000001",
        "notifyUrl": "https://example.org/hook",
        "scheduledDate": "2026-12-31 18:00:00",
    }


def test_a_cancellation_bears_the_key_before_the_campaign() -> None:
    asked = asked_for(SENDS["cancel"], CANCELLED)
    assert (asked.method, asked.path, asked.body) == ("DELETE", f"/v1/campaign/cancel/{KEY}/D572M", b"")
    assert asked_for(lambda voice: voice.cancel("{apiKey}/../x"), CANCELLED).path == (
        f"/v1/campaign/cancel/{KEY}/%7BapiKey%7D%2F..%2Fx"
    )


def test_the_documented_answers_are_read() -> None:
    with OddServer(200, TTS.encode()) as server, VoicePartner(KEY, base_url=server.url) as voice:
        assert voice.send_tts("0639980000", "Bonjour") == Sent(
            "Ff1tbu0lax", Decimal("0.15"), "EUR", 1, SHARES, "fr", timedelta(seconds=6.3), None
        )
        server.body = DEPOSIT.encode()
        assert voice.deposit("0639980000", "token1") == Sent(
            "Ff1tbu0lax", Decimal("0.15"), "EUR", 1, SHARES, None, None, "filename.wav"
        )
        server.body = CANCELLED.encode()
        assert voice.cancel("D572M") == Cancelled("D572M", Decimal("1.8"), "EUR")


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 1, 13, 10, 35, tzinfo=UTC), "2026-01-13 11:35:00"),
        (datetime(2026, 7, 13, 10, 35, tzinfo=timezone(timedelta(hours=-5))), "2026-07-13 17:35:00"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25 02:30:00"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "2026-03-29 03:00:00"),
    ],
)
def test_a_moment_is_written_in_paris_time(at: datetime, written: str) -> None:
    asked = asked_for(lambda voice: voice.send_tts("0639980000", "Bonjour", at=at))
    assert json.loads(asked.body)["scheduledDate"] == written


@pytest.mark.parametrize(
    "options",
    [
        {"text": "Bonjour", "at": datetime(2026, 1, 13, 10, 35)},  # noqa: DTZ001 - without a zone
        {"text": "Bonjour", "at": datetime(2026, 10, 25, 1, 30, tzinfo=UTC)},  # the second 02:30 of that night
        {},
        {"text": "Bonjour", "audio": "token1"},
        {"text": "Bonjour", "idempotency_key": ""},
        {"text": "Bonjour", "idempotency_key": "é"},
    ],
)
def test_what_v1_cannot_say_is_not_asked_for(options: dict[str, object]) -> None:
    with (
        OddServer() as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises(ValueError, match=r"v1|zone|text|key"),
    ):
        voice.send_tts("0639980000", **options)  # type: ignore[arg-type]
    assert server.asked == []


@pytest.mark.parametrize("use", SENDS.values(), ids=SENDS.keys())
@pytest.mark.parametrize(
    "day", [(503, b'{"success": false, "code": 503, "message": "Plus tard"}'), (502, b""), (0, b"")]
)
def test_nothing_is_asked_for_twice(use: Use, day: tuple[int, bytes]) -> None:
    with (
        OddServer(200, TTS.encode(), first=[day]) as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises((ServiceFailed, UnexpectedAnswer, ConnectionFailed)),
    ):
        use(voice)
    assert len(server.asked) == 1


async def test_nothing_is_asked_for_twice_by_the_async_client() -> None:
    with OddServer(200, TTS.encode(), first=[(0, b"")]) as server:
        async with AsyncVoicePartner(KEY, base_url=server.url) as voice:
            with pytest.raises(ConnectionFailed):
                await voice.send_tts("0639980000", "Bonjour")
    assert len(server.asked) == 1


def test_an_answer_that_does_not_come_is_not_asked_for_again(hosted: Hosted) -> None:
    hosted.says_nothing()
    with VoicePartner(KEY, base_url=hosted.url, timeout_s=0.2) as voice:
        for use in SENDS.values():
            with pytest.raises(TimedOut):
                use(voice)
    assert len(hosted.asked) == len(SENDS)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (403, 10, "Action non autorisée", MessageBegun),
        (200, 10, "Action non autorisée", MessageBegun),
        (401, 10, "Clé API incorrecte", InvalidKey),
        (200, "10", "Clé API incorrecte", InvalidKey),
        (404, 404, "Ressource non trouvée", NotFound),
        (400, "DESTINATION_INVALID", "Le numéro de téléphone n'est pas autorisé", RecipientsRefused),
    ],
)
def test_a_code_with_two_meanings_is_told_by_its_status_or_message(
    status: int, code: int | str, message: str, kind: type[ApiError]
) -> None:
    body = json.dumps({"success": False, "code": code, "message": message}).encode()
    with (
        OddServer(status, body) as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises(kind) as refused,
    ):
        voice.cancel("D572M")
    assert (type(refused.value), refused.value.errors, refused.value.more) == (kind, (), 0)


@pytest.mark.parametrize(
    "errors", ["x", 7, [7], [{}], [{"field": 1, "code": [], "message": None}], {"a": 1}, [{"line": "x"}], [[]]]
)
def test_a_refusal_whose_errors_do_not_read_is_told_all_the_same(errors: object) -> None:
    body = json.dumps({"success": False, "code": "DESTINATION_INVALID", "message": "x", "errors": errors}).encode()
    with (
        OddServer(400, body) as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises(RecipientsRefused),
    ):
        voice.send_tts("0639980000", "Bonjour")


@pytest.mark.parametrize("use", SENDS.values(), ids=SENDS.keys())
@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"success": true}', TTS.replace("0.15", '"dear"'), TTS.replace('"33"', '"33": 1, "34"')]
)
def test_what_is_no_answer_of_the_api_is_told_as_such(use: Use, body: str) -> None:
    with (
        OddServer(200, body.encode()) as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises(UnexpectedAnswer),
    ):
        use(voice)


@pytest.mark.parametrize("use", SENDS.values(), ids=SENDS.keys())
@pytest.mark.parametrize("status", [0, 200, 401, 500])
def test_the_key_is_in_no_error_and_no_log(use: Use, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = f'{{"success": false, "code": 404, "message": "no /v1/campaign/cancel/{KEY}/D572M"}}'.encode()
    with (
        OddServer(first=[(status, body)]) as server,
        VoicePartner(KEY, base_url=server.url) as voice,
        pytest.raises(VoicePartnerError) as raised,
    ):
        use(voice)
    assert KEY not in f"{raised.value!r} {raised.value} {vars(raised.value)}"
    assert "httpcore2" in caplog.text or "httpx2" in caplog.text
    assert KEY not in caplog.text
