"""The client against a service that answers well, badly, late or not at all."""

from __future__ import annotations

import dataclasses
import logging
import pickle
import traceback
from datetime import timedelta
from decimal import Decimal

import pytest

from portevoix.client import (
    ApiError,
    AsyncVoicePartner,
    BadRequest,
    ConnectionFailed,
    Credit,
    InsufficientCredit,
    InvalidKey,
    NotFound,
    RateLimited,
    ServiceFailed,
    TextRefused,
    TimedOut,
    UnexpectedAnswer,
    VoicePartner,
    VoicePartnerError,
)
from tests.client.conftest import Ask
from tests.client.hosted import CREDIT, Hosted
from tests.parts import free_port

KEY = "0123456789abcdef0123456789abcdef01234567"


def refusal(code: object, message: object = "Refusé") -> str:
    written = f'"{code}"' if isinstance(code, str) else str(code)
    return f'{{"success": false, "code": {written}, "message": "{message}"}}'


async def failure(ask: Ask, hosted: Hosted, *, timeout_s: float = 10) -> VoicePartnerError:
    with pytest.raises(VoicePartnerError) as failed:
        await ask(KEY, base_url=hosted.url, timeout_s=timeout_s)
    return failed.value


async def test_the_documented_sample_is_read_its_seconds_above_59_too(hosted: Hosted, ask: Ask) -> None:
    credit = await ask(KEY, base_url=hosted.url)
    assert credit == Credit(
        Decimal(19), "€", timedelta(hours=5, minutes=55, seconds=6), timedelta(hours=3, minutes=45, seconds=6), 10
    )
    assert hosted.asked == [f"/v1/me/{KEY}"]


async def test_the_credit_is_exact_and_its_order_and_further_fields_do_not_matter(hosted: Hosted, ask: Ask) -> None:
    hosted.answers(
        200,
        '{"details":{"voice":{"message":"3"},"tts_fixe":{"s":1,"m":"0","h":0},"tts":{"h":0,"m":0,"s":0}},'
        '"currency":"€","credit":"0.1","news":[1],"success":true}',
    )
    credit = await ask(KEY, base_url=hosted.url)
    assert (credit.credit, credit.mobile, credit.landline, credit.deposits) == (
        Decimal("0.1"),
        timedelta(0),
        timedelta(seconds=1),
        3,
    )


async def test_a_credit_is_frozen(hosted: Hosted, ask: Ask) -> None:
    credit = await ask(KEY, base_url=hosted.url)
    with pytest.raises(dataclasses.FrozenInstanceError):
        credit.credit = Decimal(0)  # type: ignore[misc]
    assert hash(credit) == hash(await ask(KEY, base_url=hosted.url))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (200, 10, InvalidKey), (401, 10, InvalidKey), (401, "10", InvalidKey), (400, 90, BadRequest),
        (400, 400, BadRequest), (404, 404, NotFound), (402, "NOT_CREDIT", InsufficientCredit), (418, 12345, ApiError),
        (400, "TEXT_REQUIRED", TextRefused), (429, 429, RateLimited), (429, 0, RateLimited), (503, 503, ServiceFailed),
        (500, 10, ServiceFailed),
    ],
)  # fmt: skip
async def test_a_refusal_is_the_error_of_its_code(
    hosted: Hosted, ask: Ask, status: int, code: object, error: type[ApiError]
) -> None:
    hosted.answers(status, refusal(code, "Clé API incorrecte"))
    refused = await failure(ask, hosted)
    assert type(refused) is error
    assert (refused.code, refused.status, refused.message) == (code, status, "Clé API incorrecte")
    assert refused.retry_after is None
    assert str(refused) == f"Clé API incorrecte (code {code}, status {status})"


@pytest.mark.parametrize(
    ("told", "retry_after"),
    [("12", 12.0), ("0", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("1.5", None), ("", None),
     ("\u00b2", None)],
)  # fmt: skip
async def test_the_time_to_wait_is_told_where_it_is_a_number_of_seconds(
    hosted: Hosted, ask: Ask, told: str, retry_after: float | None
) -> None:
    hosted.answers(429, refusal(429), Retry_After=told)
    refused = await failure(ask, hosted)
    assert isinstance(refused, RateLimited)
    assert refused.retry_after == retry_after


@pytest.mark.parametrize(
    "body",
    [
        "", "garbage", "[]", "null", "7", '"success"', "{}", '{"success": true}', '{"success": true, "credit": "19"}',
        CREDIT[:-1], CREDIT.replace('"19"', '"nineteen"'), CREDIT.replace('"19"', "null"), CREDIT.replace("55", '"5x"'),
        CREDIT.replace("55", "5.5"), CREDIT.replace('{"message":10}', "[]"), CREDIT.replace('{"message":10}', "null"),
        b"\xff\xfe", b"\x80abc", "<html><body>Bad Gateway</body></html>", "[" * 100_000,
        CREDIT.replace('"19"', '"NaN"'), CREDIT.replace('"19"', '"Infinity"'), CREDIT.replace('"h":5', f'"h":{10**15}'),
    ],
    ids=lambda body: str(body[:60]),
)  # fmt: skip
async def test_what_is_no_answer_of_the_api_is_told_as_such(hosted: Hosted, ask: Ask, body: str | bytes) -> None:
    hosted.answers(200, body)
    told = await failure(ask, hosted)
    assert type(told) is UnexpectedAnswer
    assert told.status == 200


@pytest.mark.parametrize("status", [403, 404, 429, 502, 503])
async def test_an_error_page_in_html_is_told_with_its_status(hosted: Hosted, ask: Ask, status: int) -> None:
    hosted.answers(status, "<!doctype html><title>Oops</title>", Content_Type="text/html")
    told = await failure(ask, hosted)
    assert isinstance(told, UnexpectedAnswer)
    assert told.status == status
    assert str(status) in str(told)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_so_that_the_key_goes_nowhere_else(
    hosted: Hosted, ask: Ask, status: int
) -> None:
    with Hosted() as elsewhere:
        hosted.answers(status, "", Location=f"{elsewhere.url}/v1/me/{KEY}")
        told = await failure(ask, hosted)
        assert elsewhere.asked == []
    assert isinstance(told, UnexpectedAnswer)
    assert told.status == status


async def test_a_service_that_says_nothing_is_given_up_in_time(hosted: Hosted, ask: Ask) -> None:
    hosted.says_nothing()
    assert type(await failure(ask, hosted, timeout_s=0.2)) is TimedOut


async def test_a_refused_connection_is_told(ask: Ask) -> None:
    with pytest.raises(ConnectionFailed) as failed:
        await ask(KEY, base_url=f"http://127.0.0.1:{free_port()}")
    assert type(failed.value) is ConnectionFailed


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
)
async def test_a_connection_that_breaks_is_told(hosted: Hosted, ask: Ask, sent: bytes) -> None:
    hosted.hangs_up(sent)
    assert type(await failure(ask, hosted)) is ConnectionFailed


async def test_a_body_that_cannot_be_decoded_is_told(hosted: Hosted, ask: Ask) -> None:
    hosted.answers(200, b"no gzip", Content_Encoding="gzip")
    assert isinstance(await failure(ask, hosted), VoicePartnerError)


@pytest.mark.parametrize(
    "url", ["nonsense", "http://[", "http://127.0.0.1:99999", f"http://{'a' * 64}.example", "ftp://x", ""]
)
async def test_a_base_url_that_is_none_is_told(ask: Ask, url: str) -> None:
    with pytest.raises(VoicePartnerError):
        await ask(KEY, base_url=url)


def test_every_error_is_a_voice_partner_error_and_survives_a_process_boundary() -> None:
    errors: list[VoicePartnerError] = [
        RateLimited(429, "Trop de requêtes", 429, 12.0),
        UnexpectedAnswer("no JSON", 502),
        TimedOut("late"),
    ]
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    assert issubclass(TimedOut, ConnectionFailed)


BAD_DAYS = ("refused", "silent", "broken", "redirect", "garbage", "limited", "base", "fine")


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_the_key_is_in_no_error_and_no_log(
    hosted: Hosted, ask: Ask, day: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = hosted.url
    match day:
        case "refused":
            url = f"http://127.0.0.1:{free_port()}"
        case "silent":
            hosted.says_nothing()
        case "broken":
            hosted.hangs_up(b"HTTP/1.1 200 OK\r\n")
        case "redirect":
            hosted.answers(302, "", Location=f"/v1/me/{KEY}/")
        case "garbage":
            hosted.answers(200, "garbage")
        case "limited":
            hosted.answers(429, refusal(429), Retry_After="3")
        case "base":
            url = "http://["
    caplog.set_level(logging.DEBUG)
    told = ""
    try:
        await ask(KEY, base_url=url, timeout_s=0.2)
    except VoicePartnerError as error:
        told = "".join(
            (str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error))
        )
    assert bool(told) == (day != "fine")
    assert KEY not in told
    assert "httpx2" in caplog.text or "httpcore2" in caplog.text, "the library's log was read"
    assert KEY not in caplog.text
    assert not [record for record in caplog.records if KEY in repr(vars(record))]


async def test_a_key_that_the_service_repeats_is_not_in_the_error(hosted: Hosted, ask: Ask) -> None:
    hosted.answers(401, refusal(10, f"Unknown key {KEY}"))
    told = await failure(ask, hosted)
    assert isinstance(told, InvalidKey)
    assert KEY not in str(told) + repr(told)


async def test_the_key_is_not_in_the_clients_repr() -> None:
    with VoicePartner(KEY) as voice:
        assert KEY not in repr(voice)
    async with AsyncVoicePartner(KEY) as voice:
        assert KEY not in repr(voice)


async def test_one_client_asks_many_times_over_one_connection(hosted: Hosted) -> None:
    with VoicePartner(KEY, base_url=hosted.url) as voice:
        assert voice.credits() == voice.credits()
    async with AsyncVoicePartner(KEY, base_url=hosted.url) as voice:
        assert await voice.credits() == await voice.credits()
    assert len(hosted.asked) == 4
