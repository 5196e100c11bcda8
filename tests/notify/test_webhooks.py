"""Deliveries to a real receiver: what it gets, and what is read of its answer."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest
from standardwebhooks import Webhook

from portevoix.domain.webhook import DepositNotice, NotifyUrl, WebhookRequest, WebhookSecret
from portevoix.notify.webhooks import HttpWebhooks
from tests.notify.parts import HERE, QUICK_S, get, post
from tests.notify.receiver import Answer, Receiver, redirect
from tests.parts import PATIENCE_S


async def test_a_post_arrives_to_the_byte(webhooks, receiver):
    body = bytes(range(256))
    answer = await webhooks.deliver(post(receiver, "/a%20b/../c?x=[1]&y=%zz;'", body))
    assert (answer.status, answer.fault, answer.body, answer.retry_after_s) == (200, None, "ok", None)
    (came,) = receiver.received
    assert (came.method, came.path, came.query, came.body) == ("POST", "/a%20b/../c", "x=[1]&y=%zz;'", body)
    assert came.headers.pop("user-agent").startswith("Portevoix/")
    assert came.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "256",
        "webhook-id": "wh_1",
    }


async def test_the_query_of_a_get_arrives_as_it_was_signed(webhooks, receiver):
    secret = WebhookSecret.derive(b"pepper", 7, 1)
    url = DepositNotice("t0k&n", "D572M", 1, 1).url(NotifyUrl.parse(receiver.url("/hook?é=[1]&b")))
    answer = await webhooks.deliver(WebhookRequest.signed("GET", url, b"", [secret], "wh_1", int(time.time())))
    assert answer.status == 200
    (came,) = receiver.received
    assert (came.method, came.body) == ("GET", b"")
    assert came.query.startswith("%C3%A9=[1]&b&campaign_token=")
    Webhook(secret.reveal()).verify(came.query, dict(came.headers), json_parse=False)
    assert "content-length" not in came.headers


@pytest.mark.parametrize("status", [204, 400, 404, 410, 500, 503])
async def test_every_status_is_an_answer(webhooks, receiver, status):
    receiver.answers.append(Answer(status, body=b""))
    answer = await webhooks.deliver(post(receiver))
    assert (answer.status, answer.fault) == (status, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(webhooks, receiver, status):
    async with Receiver() as other:
        receiver.answers.append(redirect(other.url("/elsewhere"), status))
        answer = await webhooks.deliver(post(receiver))
    assert (answer.status, len(receiver.received), other.connections) == (status, 1, 0)


async def test_a_cookie_is_not_kept(webhooks, receiver):
    receiver.answers.append(Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    for _ in range(2):
        await webhooks.deliver(post(receiver))
    assert "cookie" not in receiver.received[1].headers


async def test_no_proxy_of_the_environment_is_asked(receiver, monkeypatch):
    async with Receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        async with HttpWebhooks(HERE, timeout_s=PATIENCE_S) as webhooks:
            await webhooks.deliver(post(receiver))
    assert (len(receiver.received), proxy.received) == (1, [])


async def test_connections_are_kept_and_used_again(webhooks, receiver):
    for _ in range(5):
        await webhooks.deliver(post(receiver))
    assert (len(receiver.received), receiver.connections) == (5, 1)


async def test_a_compressed_body_is_not_decoded(webhooks, receiver):
    bomb = gzip.compress(bytes(5_000_000))
    receiver.answers.append(Answer(headers={"Content-Encoding": "gzip"}, body=bomb))
    answer = await webhooks.deliver(post(receiver))
    assert (answer.status, answer.fault) == (200, None)
    assert answer.body.startswith(" \ufffd")  # 1F 8B, and not what is inside


async def test_what_is_shown_of_a_body_is_one_harmless_line(webhooks, receiver):
    receiver.answers.append(Answer(body="é\r\nfake log line\x1b[2J\x00\u202e\u200b\x85".encode() + b"\xff\xc3"))
    answer = await webhooks.deliver(post(receiver))
    assert answer.body == "é  fake log line\ufffd[2J\ufffd\ufffd\ufffd \ufffd\ufffd"


async def test_what_is_shown_of_a_body_is_cut(webhooks, receiver):
    receiver.answers.append(Answer(body=("€" * 30_000).encode()))
    answer = await webhooks.deliver(post(receiver))
    assert answer.body == "€" * 1_000


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "9" * 400}, 999_999_999),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:29 GMT"}, 90),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:00:29 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"Retry-After": "Fri, 31 Dec 99999999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:00:29 GMT"}, None),
    ],
)
async def test_retry_after_is_read(webhooks, receiver, headers, wait_s):
    headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    receiver.answers.append(Answer(503, headers))
    assert (await webhooks.deliver(post(receiver))).retry_after_s == wait_s


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com/", "http://", "http://example.com:x/", "http://example.com/é", "http://[::1"]
)
async def test_a_url_that_cannot_be_read_is_told(webhooks, url):
    answer = await webhooks.deliver(get(url))
    assert (answer.status, answer.fault) == (None, "the URL cannot be read")


class TestManyAtOnce:
    async def test_a_slow_host_does_not_hold_up_another(self, receiver):
        receiver.default = Answer(hangs=True)
        async with Receiver() as other, HttpWebhooks(HERE, per_host=3, patience_s=PATIENCE_S) as webhooks:
            slow = [asyncio.create_task(webhooks.deliver(post(receiver))) for _ in range(20)]
            await receiver.wait_for(3)
            request = get(other.url(host="localhost"))
            quick = await asyncio.gather(*(webhooks.deliver(request) for _ in range(20)))
            assert {answer.status for answer in quick} == {200}
            assert receiver.most_under_way == 3
            receiver.release.set()
            answers = await asyncio.gather(*slow)
        assert [answer.status for answer in answers] == [200] * 20
        assert receiver.most_under_way == 3

    async def test_waiting_for_a_place_is_not_counted_against_the_receiver(self, receiver):
        receiver.answers.extend([Answer(hangs=True)] * 2)
        async with HttpWebhooks(HERE, timeout_s=QUICK_S, per_host=1, patience_s=PATIENCE_S) as webhooks:
            answers = await asyncio.gather(*(webhooks.deliver(post(receiver)) for _ in range(3)))
        assert [answer.status for answer in answers] == [None, None, 200]

    async def test_a_try_does_not_wait_for_ever_for_its_turn_and_sends_nothing_then(self, receiver):
        receiver.answers.append(Answer(hangs=True))
        async with HttpWebhooks(HERE, timeout_s=PATIENCE_S, per_host=1, patience_s=QUICK_S) as webhooks:
            slow = asyncio.create_task(webhooks.deliver(post(receiver)))
            await receiver.wait_for(1)
            assert await webhooks.deliver(post(receiver)) is None
            receiver.release.set()
            assert (await slow).status == 200
            assert (await webhooks.deliver(post(receiver))).status == 200
        assert len(receiver.received) == 2

    async def test_who_goes_away_gives_the_place_back(self, receiver):
        receiver.answers.append(Answer(hangs=True))
        async with HttpWebhooks(HERE, timeout_s=PATIENCE_S, per_host=1) as webhooks:
            leaving = asyncio.create_task(webhooks.deliver(post(receiver)))
            await receiver.wait_for(1)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            assert (await webhooks.deliver(post(receiver))).status == 200
            assert len(webhooks._places) == 0

    async def test_a_hundred_arrive_each_once(self, webhooks, receiver):
        bodies = [b"%d" % number for number in range(100)]
        answers = await asyncio.gather(*(webhooks.deliver(post(receiver, body=body)) for body in bodies))
        assert {answer.status for answer in answers} == {200}
        assert sorted(came.body for came in receiver.received) == sorted(bodies)
        assert receiver.connections <= 10
