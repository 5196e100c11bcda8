"""Webhooks: their destinations, what they say to the byte, their signatures, and when they are tried again."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from portevoix.domain.errors import InvalidValue
from portevoix.domain.webhook import (
    RETRIES_S,
    DepositNotice,
    NotifyUrl,
    NotifyUrlInvalid,
    Verdict,
    VoiceNotice,
    WebhookRequest,
    WebhookSecret,
    judge,
    next_try,
    signed_headers,
)

SECRET = WebhookSecret.derive(b"pepper", 7, 1)
NOTICE = VoiceNotice(
    "Ff1tbu0lax",
    "delivered",
    is_answered=True,
    number_with_zeros="0033639980001",
    sent_at=datetime(2026, 1, 13, 10, 35, tzinfo=UTC),
    done_at=datetime(2026, 1, 13, 10, 35, 12, tzinfo=UTC),
    duration_s=6,
    has_recording=False,
)
DEPOSIT = DepositNotice("t0k&n", "D572M", delivered=1, total=2)


class TestNotifyUrl:
    @pytest.mark.parametrize(
        ("text", "sent"),
        [
            ("https://example.com/hook?a=1&b[]=2", "https://example.com/hook?a=1&b[]=2"),
            ("  HTTP://Example.COM  ", "http://example.com/"),
            ("http://example.com?a=1", "http://example.com/?a=1"),
            ("http://example.com/a#part", "http://example.com/a"),
            ("http://example.com:08080/", "http://example.com:8080/"),
            ("http://example.com:/", "http://example.com/"),
            ("http://été.example/é?é=ü", "http://xn--t-9fab.example/%C3%A9?%C3%A9=%C3%BC"),
            ("http://faß.example/", "http://xn--fa-hia.example/"),  # IDNA 2003 would make another host of it
            ("http://my_hook.internal/a%20b%zz/../c", "http://my_hook.internal/a%20b%zz/../c"),
            ("http://[2001:DB8::0:1]:8080/", "http://[2001:db8::1]:8080/"),
            ('http://example.com/"<>`{}|', "http://example.com/%22%3C%3E%60%7B%7D|"),
            # Odd ways to write an address: what they lead to is seen when they are looked up.
            ("http://0x7f.1/", "http://0x7f.1/"),
            ("http://2130706433/", "http://2130706433/"),
            ("http://localhost./", "http://localhost./"),
            ("http://127.0.0.1/", "http://127.0.0.1/"),
            ("http://１２７.0.0.1/", "http://127.0.0.1/"),
        ],
    )
    def test_it_is_read_as_it_will_be_sent(self, text, sent):
        assert str(NotifyUrl.parse(text)) == sent

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "example.com/hook",
            "//example.com/",
            "ftp://example.com/",
            "javascript:alert(1)",
            "mailto:someone@example.com",
            "http:///hook",
            "http://:80/",
            "http://someone@example.com/",
            "http://someone:secret@example.com/",
            "http://example.com:0/",
            "http://example.com:65536/",
            "http://example.com:-1/",
            "http://example.com:+80/",
            "http://example.com:٣/",
            "http://example.com:1:2/",
            "http://a..example.com/",
            "http://./",
            "http://-a.example.com/",
            f"http://{'a' * 64}.example.com/",
            f"http://{'a.' * 127}/",
            "http://exa%6dple.com/",
            "http://exa mple.com/",
            "http://example.com/a b",
            "http://example.com/\r\nHost: other.example.com",
            "http://example.com/\x00",
            "http://example.com/\u2028a",
            "http://example.com\\@other.example.com/",
            "http://exa℀mple.com/",
            "http://☃.example/",
            "http://256.1.1.1/",
            "http://1.2.3.4.5/",
            "http://::1/",
            "http://[::1/",
            "http://[::1]x/",
            "http://[fe80::1%25eth0]/",
            "http://[v1.a]/",
            "http://[example.com]/",
            "http://\ud800.example/",
        ],
    )
    def test_what_is_no_destination_is_refused(self, text):
        with pytest.raises(NotifyUrlInvalid) as refused:
            NotifyUrl.parse(text)
        assert refused.value.code == "notify_url_invalid"
        assert "secret" not in refused.value.message

    @pytest.mark.parametrize("letters", ["a", "é"])
    def test_its_length_is_that_of_what_is_sent(self, letters):
        room = NotifyUrl.MAX_LENGTH - len("http://example.com/")
        count = room if letters == "a" else room // 6
        url = NotifyUrl.parse("http://example.com/" + letters * count)
        assert len(str(url)) <= NotifyUrl.MAX_LENGTH
        with pytest.raises(NotifyUrlInvalid):
            NotifyUrl.parse("http://example.com/" + letters * (count + 1))

    @given(
        st.one_of(
            st.text(),
            st.builds("http://{}:{}/{}?{}".format, st.text(max_size=20), st.integers(0, 70_000), st.text(), st.text()),
            st.builds("https://example.com/{}?{}".format, st.text(), st.text()),
        )
    )
    def test_what_it_prints_it_reads_again(self, text):
        try:
            url = NotifyUrl.parse(text)
        except NotifyUrlInvalid:
            return
        assert str(url).isascii()
        assert NotifyUrl.parse(str(url)) == url


class TestVoiceNotice:
    def test_a_text_is_told_to_the_byte(self):
        assert NOTICE.body() == (
            b'{"campaignId":"Ff1tbu0lax","status":"delivered","additionnal_status":"VOICE_ANSWERED",'
            b'"phoneNumber":"0033639980001","sendAt":"2026-01-13 11:35:00","doneAt":"2026-01-13 11:35:12","duration":6}'
        )

    def test_a_recording_is_told_to_the_byte_in_summer_time(self):
        notice = VoiceNotice(
            "Ff1tbu0lax",
            "undelivered",
            is_answered=False,
            number_with_zeros="0033639980010",
            sent_at=datetime(2026, 7, 1, 22, 59, 59, 999_999, tzinfo=UTC),
            done_at=datetime(2026, 7, 1, 23, 0, tzinfo=UTC),
            duration_s=0,
            has_recording=True,
        )
        assert notice.body() == (
            b'{"campaignId":"Ff1tbu0lax","status":"undelivered","additionnal_status":"VOICE_NOT_ANSWERED",'
            b'"phoneNumber":"0033639980010","sendAt":"2026-07-02 00:59:59","doneAt":"2026-07-02 01:00:00","duration":0,'
            b'"audioFileComplementaire":{"status":"Deposit"}}'
        )

    def test_a_time_without_a_zone_is_a_mistake(self):
        moment = datetime(2026, 1, 13)  # noqa: DTZ001 - on purpose
        with pytest.raises(ValueError, match="time zone"):
            VoiceNotice("Ff", "pending", False, "0033639980001", moment, moment, 0, False).body()


class TestDepositNotice:
    QUERY = "campaign_token=t0k%26n&campaign_id=D572M&delivered_quantity=1&total_quantity=2"

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("http://example.com", f"http://example.com/?{QUERY}"),
            ("http://example.com/hook?", f"http://example.com/hook?{QUERY}"),
            ("http://example.com/hook?a=b", f"http://example.com/hook?a=b&{QUERY}"),
            ("http://example.com/hook?a=b&", f"http://example.com/hook?a=b&{QUERY}"),
            ("http://example.com/hook?a=/?b#part", f"http://example.com/hook?a=/?b&{QUERY}"),
        ],
    )
    def test_it_is_told_in_the_query_behind_what_is_there(self, text, url):
        assert DEPOSIT.url(NotifyUrl.parse(text)) == url


class TestWebhookSecret:
    def test_it_signs_the_reference_vector(self):
        # Of the test suites of Standard Webhooks' own libraries, in every language.
        secret = WebhookSecret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
        assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_what_it_reveals_it_reads_again(self):
        assert WebhookSecret.parse(SECRET.reveal()) == SECRET
        assert SECRET.reveal().startswith("whsec_")
        assert len(SECRET.key) == 32

    def test_it_is_another_for_each_account_generation_and_pepper(self):
        derived = [(b"pepper", 7, 1), (b"pepper", 7, 2), (b"pepper", 71, 1), (b"pepper", 7, 11), (b"other", 7, 1)]
        assert len({WebhookSecret.derive(*each).key for each in derived}) == len(derived)
        assert WebhookSecret.derive(b"pepper", 7, 1) == SECRET

    def test_it_does_not_change_with_a_release(self):
        # Receivers hold it: a derivation that changes silently breaks every one of them.
        assert SECRET.reveal() == "whsec_dk8xaavWVBeYggqEMMLezroqOO2L3yjce87p/J5Ukio="

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w",
            "whsec_é",
            "whsec_c2hvcnQ=",
            "whsec_" + "AAAA" * 22,
        ],
    )
    def test_what_is_no_secret_is_refused(self, text):
        with pytest.raises(InvalidValue):
            WebhookSecret.parse(text)

    def test_it_is_not_shown(self):
        for text in (repr(SECRET), str(SECRET), f"{SECRET}", repr([SECRET])):
            assert "WebhookSecret(…)" in text
            assert SECRET.reveal().removeprefix("whsec_") not in text

    @pytest.mark.parametrize("message_id", ["", "a.1", "a b", "a\n", "é", "a" * 256])
    def test_an_id_that_could_shift_the_signed_text_is_a_mistake(self, message_id):
        with pytest.raises(ValueError, match="message id"):
            SECRET.sign(message_id, 1, b"")


class TestSigning:
    def test_the_independent_library_verifies_a_post(self):
        request = WebhookRequest.signed(
            "POST", "http://example.com/", NOTICE.body(), [SECRET], "wh_1", int(time.time())
        )
        assert Webhook(SECRET.reveal()).verify(request.body, dict(request.headers))["status"] == "delivered"
        assert request.headers["Content-Type"] == "application/json"

    def test_the_independent_library_verifies_the_query_of_a_get(self):
        url = DEPOSIT.url(NotifyUrl.parse("http://example.com/hook?a=b"))
        request = WebhookRequest.signed("GET", url, b"", [SECRET], "wh_2", int(time.time()))
        query = f"a=b&{TestDepositNotice.QUERY}"
        Webhook(SECRET.reveal()).verify(query, dict(request.headers), json_parse=False)
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(SECRET.reveal()).verify(TestDepositNotice.QUERY, dict(request.headers), json_parse=False)
        assert "Content-Type" not in request.headers

    def test_while_a_secret_is_rotated_both_verify(self):
        new = WebhookSecret.derive(b"pepper", 7, 2)
        headers = signed_headers([new, SECRET], "wh_3", int(time.time()), b"{}")
        for secret in (new, SECRET):
            assert Webhook(secret.reveal()).verify(b"{}", headers) == {}
        other = WebhookSecret.derive(b"pepper", 7, 3)
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(other.reveal()).verify(b"{}", headers)

    def test_one_byte_more_does_not_verify(self):
        headers = signed_headers([SECRET], "wh_4", int(time.time()), NOTICE.body())
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(SECRET.reveal()).verify(NOTICE.body() + b" ", headers)


class TestRetries:
    def test_waits_grow_and_end_after_about_three_days(self):
        assert list(RETRIES_S) == sorted(RETRIES_S)
        assert timedelta(days=2, hours=20) < timedelta(seconds=sum(RETRIES_S)) < timedelta(days=3, hours=4)
        waits = [next_try(attempt) for attempt in range(1, len(RETRIES_S) + 2)]
        assert waits == [*RETRIES_S, None]

    @pytest.mark.parametrize(
        ("attempt", "asked_s", "wait_s"),
        [(1, None, 5), (1, 3, 5), (1, 90, 90), (1, 10**9, 86_400), (11, 60, 86_400), (12, 60, None)],
    )
    def test_a_receiver_may_ask_for_a_longer_wait_but_not_for_more_tries(self, attempt, asked_s, wait_s):
        assert next_try(attempt, asked_s) == wait_s

    def test_there_is_no_try_before_the_first(self):
        with pytest.raises(ValueError, match="first try"):
            next_try(0)

    @pytest.mark.parametrize(
        ("status", "verdict"),
        [
            (200, Verdict.DELIVERED),
            (204, Verdict.DELIVERED),
            (299, Verdict.DELIVERED),
            (101, Verdict.RETRY),
            (301, Verdict.RETRY),
            (404, Verdict.RETRY),
            (410, Verdict.GONE),
            (429, Verdict.RETRY),
            (503, Verdict.RETRY),
            (None, Verdict.RETRY),
        ],
    )
    def test_a_try_is_judged_by_its_status(self, status, verdict):
        assert judge(status, 1) is verdict

    @pytest.mark.parametrize(
        ("status", "verdict"), [(200, Verdict.DELIVERED), (410, Verdict.GONE), (500, Verdict.DEAD)]
    )
    def test_the_last_try_is_judged_alike_but_there_is_none_after_it(self, status, verdict):
        last = len(RETRIES_S) + 1
        assert judge(status, last) is verdict
        assert judge(500, last - 1) is Verdict.RETRY
        assert judge(None, last) is Verdict.DEAD
