"""Sending with the client, and seeing what came of it, against a real Portevoix."""

from __future__ import annotations

import io
import time
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portevoix.client import (
    AccessDenied,
    ApiError,
    BadRequest,
    EmailRefused,
    IdempotencyConflict,
    InsufficientCredit,
    MessageBegun,
    NotFound,
    NotifyUrlRefused,
    Order,
    RateLimited,
    RecipientsRefused,
    Retries,
    SandboxOnly,
    ScheduleRefused,
    SenderRefused,
    ServiceFailed,
    TextRefused,
    TimedOut,
    VoicePartner,
    Webhook,
    verify_webhook,
)
from tests.client.odd_server import OddServer, tone_wav
from tests.parts import PATIENCE_S, Server

ANSWERED, NOBODY, BUSY = "06 39 98 00 00", "06 39 98 00 10", "06 39 98 00 11"
TEXT = "Bonjour, la piscine est fermée."
WAIT_S = float(PATIENCE_S)

Use = Callable[[VoicePartner], object]


def in_hours(hours: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


def wait_for(voice: VoicePartner, webhook_id: str, tries: int = 1) -> Webhook:
    """Wait until a webhook was delivered."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        webhook = voice.webhook(webhook_id)
        if webhook.state == "delivered" and len(webhook.tries) >= tries:
            return webhook
        time.sleep(0.02)
    raise AssertionError(f"not delivered: {webhook}")


# Through v1.


def test_a_voice_sms_is_sent_and_followed_to_its_end(voice: VoicePartner) -> None:
    sent = voice.send_tts([ANSWERED, "+33639980010"], TEXT, speech_rate=1.5)
    assert (sent.recipients, sent.currency, sent.lang, sent.audio_name) == (2, "EUR", "fr", None)
    assert sent.duration is not None
    assert timedelta(seconds=0.5) < sent.duration < timedelta(seconds=6)
    (share,) = sent.shares
    assert (share.calling_code, share.recipients, share.unit_cost * 2, share.cost) == ("33", 2, sent.cost, sent.cost)
    over = voice.wait(sent.campaign_id, timeout_s=WAIT_S)
    assert over.is_over
    assert (over.id, over.kind, over.state, over.text) == (sent.campaign_id, "voice", "finished", TEXT)
    assert (over.recipients, over.open, over.delivered, over.undelivered, over.cancelled) == (2, 0, 1, 1, 0)
    assert (over.reserved, over.settled, over.held) == (sent.cost, sent.cost / 2, 0)
    assert isinstance(over.settled, Decimal)
    assert over.finished_at is not None
    assert over.eta is None


def test_a_deposit_plays_a_recording_and_writes_a_mail(voice: VoicePartner) -> None:
    token = voice.upload_audio(tone_wav(2), "rappel").token
    sent = voice.deposit(ANSWERED, token, email="mairie@example.org", sender="01 99 00 00 01")
    assert (sent.audio_name, sent.lang, sent.duration) == ("rappel", None, None)
    over = voice.wait(sent.campaign_id, timeout_s=WAIT_S)
    assert (over.kind, over.audio, over.audio_name, over.email) == ("deposit", token, "rappel", "mairie@example.org")
    assert over.sender == "+33199000001"
    (entry,) = voice.sandbox.inbox(message_id=over.id)
    assert (entry.is_voicemail, entry.outcome, entry.audio_name) == (True, "voicemail", "rappel")
    deadline = time.monotonic() + PATIENCE_S
    while not (mails := voice.sandbox.mails()):
        assert time.monotonic() < deadline
    assert [(mail.to, mail.message) for mail in mails] == [("mairie@example.org", over.id)]


def test_a_recording_is_played_by_a_voice_sms(voice: VoicePartner) -> None:
    token = voice.upload_audio(tone_wav(2), "rappel").token
    sent = voice.send_tts(ANSWERED, audio=token)
    assert sent.duration == timedelta(seconds=2)
    assert voice.wait(sent.campaign_id, timeout_s=WAIT_S).audio == token


def test_a_scheduled_message_begins_when_it_was_told_to_and_is_cancelled_once(voice: VoicePartner) -> None:
    before = voice.balance()
    at = in_hours(30)
    sent = voice.send_tts(ANSWERED, TEXT, at=at)
    assert voice.balance().held == sent.cost > 0
    message = voice.message(sent.campaign_id)
    assert (message.at, message.is_scheduled, message.state) == (at, True, "scheduled")
    cancelled = voice.cancel(sent.campaign_id)
    assert (cancelled.campaign_id, cancelled.credit, cancelled.currency) == (sent.campaign_id, sent.cost, "EUR")
    assert voice.balance() == before
    with pytest.raises(MessageBegun) as refused:
        voice.cancel(sent.campaign_id)
    assert (refused.value.code, refused.value.status) == (10, 403)


@pytest.mark.parametrize(
    ("use", "kind", "code"),
    [
        (lambda voice: voice.send_tts("", TEXT), RecipientsRefused, "PHONE_NUMBER_REQUIRED"),
        (lambda voice: voice.send_tts([f"063998{i:04}" for i in range(501)], TEXT), RecipientsRefused,
         "PHONE_NUMBER_SIZE_ERROR"),
        (lambda voice: voice.send_tts("0800 00 00 00", TEXT), RecipientsRefused, "DESTINATION_INVALID"),
        (lambda voice: voice.send_tts("0639980040", TEXT), RecipientsRefused, "DESTINATION_INVALID"),
        (lambda voice: voice.send_tts("0639980042", TEXT), InsufficientCredit, "NOT_CREDIT"),
        (lambda voice: voice.send_tts("0639980051", TEXT), RateLimited, 429),
        (lambda voice: voice.send_tts(ANSWERED, ""), TextRefused, "TEXT_REQUIRED"),
        (lambda voice: voice.send_tts(ANSWERED, TEXT, lang="xx"), TextRefused, "LANG_INVALID"),
        (lambda voice: voice.send_tts(ANSWERED, TEXT, notify_url="nowhere"), NotifyUrlRefused, "NOTIFY_URL_INVALID"),
        (lambda voice: voice.send_tts(ANSWERED, TEXT, at=in_hours(-1)), ScheduleRefused, "SCHEDULED_DATE_INVALID"),
        (lambda voice: voice.send_tts(ANSWERED, audio="0" * 32), NotFound, "AUDIO_FILE_NOT_FOUND"),
        (lambda voice: voice.deposit(ANSWERED, ""), BadRequest, "TOKEN_AUDIO_REQUIRED"),
        (lambda voice: voice.deposit(ANSWERED, "0" * 32, email="nobody"), EmailRefused, "EMAIL_INVALID"),
        (lambda voice: voice.deposit(ANSWERED, "0" * 32, sender="12"), SenderRefused, "SENDER_INVALID"),
        (lambda voice: voice.cancel("0000000000"), NotFound, 404),
        (lambda voice: voice.cancel("../me"), NotFound, 404),
        (lambda voice: voice.send(Order("", text=TEXT)), RecipientsRefused, "phone_number_required"),
        (lambda voice: voice.send(Order("0639980042", text=TEXT)), InsufficientCredit, "insufficient_credit"),
        (lambda voice: voice.send(Order(ANSWERED)), TextRefused, "text_required"),
        (lambda voice: voice.send(Order(ANSWERED, text=TEXT, audio="0" * 32)), BadRequest, "invalid_value"),
        (lambda voice: voice.send(Order(ANSWERED, text=TEXT, lang="xx")), TextRefused, "lang_invalid"),
        (lambda voice: voice.send(Order(ANSWERED, text=TEXT, at=in_hours(-1))), ScheduleRefused,
         "scheduled_date_invalid"),
        (lambda voice: voice.send(Order(ANSWERED, text=TEXT, notify_url="x")), NotifyUrlRefused, "notify_url_invalid"),
        (lambda voice: voice.send(Order(ANSWERED, kind="deposit")), BadRequest, "invalid_value"),
        (lambda voice: voice.send(Order(ANSWERED, text=TEXT, retries=Retries(9))), BadRequest, "invalid_value"),
        (lambda voice: voice.quote(Order(ANSWERED, audio="0" * 32)), NotFound, "audio_not_found"),
        (lambda voice: voice.message("0000000000"), NotFound, "message_not_found"),
        (lambda voice: list(voice.calls("../x")), NotFound, "not_found"),
        (lambda voice: voice.wait("0000000000"), NotFound, "message_not_found"),
        (lambda voice: voice.stop("0000000000"), NotFound, "message_not_found"),
        (lambda voice: voice.call("0000000000-1"), NotFound, "call_not_found"),
        (lambda voice: voice.webhook("msg_0"), NotFound, "webhook_not_found"),
        (lambda voice: voice.replay("msg_0"), NotFound, "webhook_not_found"),
        (lambda voice: voice.sandbox.audio("999999"), NotFound, "not_found"),
        (lambda voice: voice.sandbox.advance(0), BadRequest, "invalid_value"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_by_its_kind_and_code(
    voice: VoicePartner, use: Use, kind: type[ApiError], code: int | str
) -> None:
    with pytest.raises(kind) as refused:
        use(voice)
    assert (type(refused.value), refused.value.code) == (kind, code)
    assert refused.value.message
    assert 400 <= refused.value.status < 500
    assert list(voice.messages()) == []
    assert voice.balance().held == 0


def test_a_sender_that_was_not_verified_is_refused_until_it_is(fast: Server, keys: dict[str, str]) -> None:
    with VoicePartner(keys["live_key"], base_url=fast.url) as voice:
        token = voice.upload_audio(tone_wav(), "rappel").token
        with pytest.raises(SenderRefused) as refused:
            voice.deposit(ANSWERED, token, sender="01 99 00 00 01", at=in_hours(9))
        assert (refused.value.code, refused.value.status) == ("SENDER_NOT_AUTHORIZED", 403)


def test_every_bad_number_is_named(voice: VoicePartner, tmp_path: Path) -> None:
    with pytest.raises(RecipientsRefused) as refused:
        voice.send_tts([ANSWERED, "0800000000", "12"], TEXT)
    assert ["0800000000" in fault.reason for fault in refused.value.errors] == [True, False]
    assert {fault.value for fault in refused.value.errors} == {"phoneNumbers"}
    with pytest.raises(RecipientsRefused) as refused:
        voice.send(Order([ANSWERED, "0800000000", "12"], text=TEXT))
    assert [(fault.value, fault.line) for fault in refused.value.errors] == [("0800000000", None), ("12", None)]
    assert refused.value.more == 0
    file = tmp_path / "numbers.csv"
    file.write_text("name;phone\nX;0639980000\nY;0800000000\n\nZ;12\n", encoding="utf-8")
    with pytest.raises(RecipientsRefused) as refused:
        voice.send(Order(text=TEXT), file)
    assert [(fault.value, fault.line) for fault in refused.value.errors] == [("0800000000", 3), ("12", 5)]


# Through v2.


def test_a_quote_tells_what_a_message_then_sets_aside(voice: VoicePartner) -> None:
    order = Order([ANSWERED, "01 99 00 00 00", "0800000000"], text=TEXT)
    quote = voice.quote(order)
    assert (quote.recipients, [fault.value for fault in quote.refused]) == (2, ["0800000000"])
    assert [(price.number, price.product) for price in quote.prices] == [
        ("+33639980000", "voice_mobile"), ("+33199000000", "voice_landline"),
    ]  # fmt: skip
    assert quote.total == sum(price.most for price in quote.prices)
    assert quote.is_affordable
    assert quote.begins_at < quote.ends_at
    assert voice.balance().held == 0
    assert voice.send(Order(order.recipients()[:2], text=TEXT)).reserved == quote.total


def test_a_file_of_numbers_is_quoted_and_sent_by_path_and_by_its_bytes(voice: VoicePartner, tmp_path: Path) -> None:
    content = f"{ANSWERED}\n{NOBODY}\n".encode()
    file = tmp_path / "numbers.csv"
    file.write_bytes(content)
    told: list[tuple[int, int]] = []
    order = Order(text=TEXT, at=in_hours(5))
    assert voice.quote(order, file).recipients == 2
    for given in (file, content):
        sent = voice.send(order, given, progress=lambda sent, total: told.append((sent, total)))
        assert (sent.recipients, sent.state) == (2, "scheduled")
        assert [call.number for call in voice.calls(sent.id)] == ["+33639980000", "+33639980010"]
    assert told[-1] == (len(content), len(content))
    with pytest.raises(ValueError, match="not in both"):
        voice.send(Order(ANSWERED, text=TEXT), file)
    with pytest.raises(FileNotFoundError):
        voice.send(Order(text=TEXT), tmp_path / "none.csv")


def test_a_call_tells_all_that_happened_to_it(voice: VoicePartner) -> None:
    message = voice.send(Order([ANSWERED, BUSY], text=TEXT, retries=Retries(2, 60)))
    assert message.retries == Retries(2, 60)
    deadline = time.monotonic() + PATIENCE_S
    while not voice.message(message.id).is_over:
        assert time.monotonic() < deadline
        voice.sandbox.advance(60)
    answered, busy = voice.calls(message.id)
    assert (answered.outcome, answered.cause, answered.state, answered.attempts) == ("answered", 200, "finished", 1)
    assert (busy.outcome, busy.cause, busy.state, busy.attempts, busy.cost) == ("busy", 486, "failed", 3, 0)
    assert answered.duration is not None
    assert answered.cost == answered.reserved > 0
    assert [call.id for call in voice.calls(message.id, state="failed")] == [busy.id]
    detail = voice.call(busy.id)
    assert (detail.message, detail.number) == (message.id, "+33639980011")
    assert detail.timeline[0].what == "accepted"
    assert [step.attempt for step in detail.timeline if step.what == "dialing"] == [1, 2, 3]
    assert detail.timeline[-1].what == "settled"


def test_all_pages_of_messages_and_calls_are_gone_through(voice: VoicePartner) -> None:
    numbers = [f"+3363998{number // 10:02}{number % 10:02}" for number in range(1_000)] + ["+33199000000"]
    large = voice.send(Order(numbers, text=TEXT, at=in_hours(5)))
    assert [call.number for call in voice.calls(large.id)] == numbers
    voice.stop(large.id)
    small = [voice.send(Order(ANSWERED, text="oui", at=in_hours(5))).id for _ in range(101)]
    assert [message.id for message in voice.messages()] == [*reversed(small), large.id]


def test_a_message_is_paused_resumed_and_stopped(voice: VoicePartner) -> None:
    before = voice.balance()
    message = voice.send(Order([ANSWERED, NOBODY], text=TEXT, at=in_hours(5)))
    paused = voice.pause(message.id)
    assert (paused.state, paused.eta) == ("paused", None)
    assert voice.sandbox.advance(6 * 3_600).is_quiet
    assert voice.message(message.id).open == 2, "what is paused does not begin"
    assert voice.resume(message.id).state == "active"
    assert voice.wait(message.id, timeout_s=WAIT_S).delivered == 1
    with pytest.raises(MessageBegun) as refused:
        voice.stop(message.id)
    assert (refused.value.code, refused.value.status) == ("message_begun", 409)
    other = voice.send(Order([ANSWERED, NOBODY], text=TEXT, at=in_hours(12)))
    stopped = voice.stop(other.id)
    assert (stopped.released, stopped.message.state, stopped.message.cancelled) == (other.reserved, "cancelled", 2)
    assert stopped.message.is_over
    assert voice.balance().held == before.held == 0


def test_waiting_ends_in_time(voice: VoicePartner) -> None:
    message = voice.send(Order(ANSWERED, text=TEXT, at=in_hours(5)))
    seen: list[str] = []
    with pytest.raises(TimedOut):
        voice.wait(message.id, timeout_s=0, progress=lambda found: seen.append(found.state))
    with pytest.raises(TimedOut):
        voice.wait(message.id, timeout_s=0.05, poll_s=0.01, progress=lambda found: seen.append(found.state))
    assert len(seen) > 2
    assert set(seen) == {"scheduled"}


# A phone rings once.


def test_a_repeat_under_the_same_key_changes_nothing_more(voice: VoicePartner) -> None:
    sent = [voice.send_tts(ANSWERED, TEXT, idempotency_key="k-1") for _ in range(2)]
    assert sent[0] == sent[1]
    with pytest.raises(IdempotencyConflict):
        voice.send_tts(NOBODY, TEXT, idempotency_key="k-1")
    kept = [voice.send(Order(ANSWERED, text=TEXT), idempotency_key="k-2") for _ in range(2)]
    assert kept[0] == kept[1]
    with pytest.raises(IdempotencyConflict):
        voice.send(Order(NOBODY, text=TEXT), idempotency_key="k-2")
    files = [voice.send(Order(text=TEXT), ANSWERED.encode(), idempotency_key="k-3") for _ in range(2)]
    assert files[0] == files[1]
    assert len(list(voice.messages())) == 3
    for wrong in ("", "a b", "é", "x" * 256):
        with pytest.raises(ValueError, match="idempotency key"):
            voice.send(Order(ANSWERED, text=TEXT), idempotency_key=wrong)


def test_an_answer_that_never_comes_is_asked_for_again_through_v2_and_not_through_v1(
    fast: Server, keys: dict[str, str]
) -> None:
    with VoicePartner(keys["test_key"], base_url=fast.url, timeout_s=1) as voice:
        message = voice.send(Order("06 39 98 00 52", text=TEXT))
        assert [found.id for found in voice.messages()] == [message.id], "sent once, answered the second time"
        with pytest.raises(TimedOut):
            voice.send_tts("06 39 98 00 52", TEXT, idempotency_key="k-1")
        assert len(list(voice.messages())) == 2
        sent = voice.send_tts("06 39 98 00 52", TEXT, idempotency_key="k-1")
        assert [found.id for found in voice.messages()] == [sent.campaign_id, message.id]


def test_an_error_after_the_message_was_sent_is_told_and_its_key_finds_the_answer(voice: VoicePartner) -> None:
    with pytest.raises(ServiceFailed):
        voice.send(Order("06 39 98 00 50", text=TEXT), idempotency_key="k-1")
    assert voice.send(Order("06 39 98 00 50", text=TEXT), idempotency_key="k-1").recipients == 1
    assert len(list(voice.messages())) == 1


# What is told of it.


def test_notices_are_signed_seen_and_replayed(voice: VoicePartner) -> None:
    with OddServer() as receiver:
        token = voice.upload_audio(tone_wav(), "rappel").token
        call = voice.send(Order(ANSWERED, text=TEXT, notify_url=f"{receiver.url}/hook?town=a%20b"))
        voice.wait(call.id, timeout_s=WAIT_S)
        deposit = voice.send(Order(ANSWERED, audio=token, kind="deposit", notify_url=f"{receiver.url}/hook?town=a%20b"))
        voice.wait(deposit.id, timeout_s=WAIT_S)
        of_deposit, of_call = voice.webhooks()
        assert (of_call.method, of_call.message, of_call.call) == ("POST", call.id, f"{call.id}-1")
        assert (of_deposit.method, of_deposit.message, of_deposit.call) == ("GET", deposit.id, None)
        done = wait_for(voice, of_call.id)
        assert [(tried.number, tried.status, tried.fault) for tried in done.tries] == [(1, 200, None)]
        wait_for(voice, of_deposit.id)
        secret = voice.webhook_secret()
        posted, got = receiver.asked
        assert verify_webhook(secret, posted.headers, posted.body) == of_call.id
        assert verify_webhook(secret, got.headers, got.path.partition("?")[2]) == of_deposit.id
        assert voice.replay(of_call.id).id == of_call.id
        assert len(wait_for(voice, of_call.id, tries=2).tries) == 2
        assert verify_webhook(secret, receiver.asked[2].headers, receiver.asked[2].body) == of_call.id
        assert {webhook.id for webhook in voice.webhooks(state="delivered")} == {of_call.id, of_deposit.id}
        assert list(voice.webhooks(state="dead")) == []
        (entry,) = voice.sandbox.inbox(message_id=call.id)
        assert [webhook.id for webhook in entry.webhooks] == [of_call.id]


def test_a_rotated_secret_signs_beside_the_old_one(voice: VoicePartner) -> None:
    old = voice.webhook_secret()
    new = voice.rotate_webhook_secret()
    assert new != old
    assert voice.webhook_secret() == new
    with OddServer() as receiver:
        message = voice.send(Order(ANSWERED, text=TEXT, notify_url=receiver.url))
        voice.wait(message.id, timeout_s=WAIT_S)
        (webhook,) = voice.webhooks()
        wait_for(voice, webhook.id)
        (posted,) = receiver.asked
        for secret in (old, new, [new, old]):
            assert verify_webhook(secret, posted.headers, posted.body) == webhook.id


def test_events_are_told_from_the_beginning_and_signed_where_that_is_asked_for(voice: VoicePartner) -> None:
    message = voice.send(Order(ANSWERED, text=TEXT))
    voice.wait(message.id, timeout_s=WAIT_S)
    events = voice.events("0")
    told = [next(events) for _ in range(3)]
    events.close()  # type: ignore[attr-defined]
    assert sorted(event.type for event in told) == ["call.ended", "message.accepted", "message.finished"]
    assert {event.data["message"] for event in told} == {message.id}
    assert [event.webhook for event in told] == [None] * 3
    signed = voice.events(told[0].id, signed=True)
    notices = [event.webhook for event in (next(signed), next(signed)) if event.webhook is not None]
    signed.close()  # type: ignore[attr-defined]
    (notice,) = notices
    assert notice.body is not None
    verify_webhook(voice.webhook_secret(), notice.headers, notice.body)


def test_the_ledger_adds_up_to_the_balance(voice: VoicePartner) -> None:
    message = voice.send(Order([ANSWERED, NOBODY], text=TEXT))
    voice.wait(message.id, timeout_s=WAIT_S)
    scheduled = voice.send(Order(ANSWERED, text=TEXT, at=in_hours(1)))
    lines, balance = list(voice.ledger()), voice.balance()
    assert sum(line.available_change for line in lines) == balance.available
    assert sum(line.held_change for line in lines) == balance.held == scheduled.reserved
    assert lines[-1].available_after == balance.available
    assert [line.kind for line in lines if line.message == message.id and line.call == f"{message.id}-2"] == [
        "reserve", "release",
    ]  # fmt: skip
    assert balance.currency == "EUR"
    assert balance.available == voice.credits().credit


# The sandbox.


def test_the_inbox_tells_what_phones_received(voice: VoicePartner) -> None:
    message = voice.send(Order(["06 39 98 00 30", NOBODY], text=TEXT))
    voice.wait(message.id, timeout_s=WAIT_S)
    received = {entry.number: entry for entry in voice.sandbox.inbox()}
    heard, missed = received["+33639980030"], received["+33639980010"]
    assert (heard.outcome, heard.keys, heard.text, heard.is_voicemail) == ("answered", "1", TEXT, False)
    assert (missed.outcome, missed.has_audio, missed.heard) == ("no_answer", False, timedelta(0))
    assert [entry.id for entry in voice.sandbox.inbox(number="06 39 98 00 30")] == [heard.id]
    for named in (heard, heard.id):
        with wave.open(io.BytesIO(voice.sandbox.audio(named))) as reader:
            seconds = reader.getnframes() / reader.getframerate()
        assert 0 < seconds <= heard.heard.total_seconds()
    with pytest.raises(NotFound):
        voice.sandbox.audio(missed)
    voice.sandbox.clear()
    assert list(voice.sandbox.inbox()) == []


def test_the_clock_is_moved_on_and_all_begins_anew(voice: VoicePartner) -> None:
    message = voice.send(Order(ANSWERED, text=TEXT, at=in_hours(48)))
    advanced = voice.sandbox.advance(49 * 3_600)
    assert advanced.is_quiet
    assert advanced.now > message.at
    assert voice.message(message.id).state == "finished"
    voice.sandbox.reset()
    assert voice.balance().available == 100
    assert voice.sandbox.advance(1).now < message.at
    codes = {magic.code: magic for magic in voice.sandbox.numbers()}
    assert codes["10"].example.endswith("10")
    assert codes["10"].meaning == "no answer"


def test_a_live_key_has_no_sandbox(fast: Server, keys: dict[str, str]) -> None:
    with VoicePartner(keys["live_key"], base_url=fast.url) as voice:
        for use in (voice.sandbox.clear, voice.sandbox.reset, voice.sandbox.mails, lambda: voice.sandbox.advance(1)):
            with pytest.raises(SandboxOnly):
                use()


def test_a_key_that_may_only_read_sends_nothing(fast: Server, keys: dict[str, str]) -> None:
    made = fast.run("key", "create", f"{keys['account']}/sandbox", "--scopes", "read", "--json")
    with VoicePartner(made["secret"], base_url=fast.url) as voice:
        assert voice.quote(Order(ANSWERED, text=TEXT)).recipients == 1
        for use in (
            lambda: voice.send(Order(ANSWERED, text=TEXT)),
            lambda: voice.send_tts(ANSWERED, TEXT),
            voice.webhook_secret,
        ):
            with pytest.raises(AccessDenied):
                use()


def test_a_recording_that_is_still_to_be_played_is_kept(voice: VoicePartner) -> None:
    token = voice.upload_audio(tone_wav(), "rappel").token
    message = voice.send(Order(ANSWERED, audio=token, at=in_hours(5)))
    with pytest.raises(ApiError) as refused:
        voice.delete_audio(token)
    assert type(refused.value).__name__ == "AudioInUse"
    voice.stop(message.id)
    voice.delete_audio(token)
