"""Deliveries to real receivers that hang, drip, flood, hang up and are not what they seem."""

from __future__ import annotations

import asyncio

import httpcore2
import pytest

from portevoix.notify.webhooks import HttpWebhooks
from tests.notify.parts import HERE, QUICK_S, get, post
from tests.notify.receiver import Answer, Receiver, listening, serving_tls, trusting_tls
from tests.parts import PATIENCE_S, free_port


class CountingNetwork(httpcore2.AsyncNetworkBackend):
    """The real network; counts what is read from it."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(self, *arguments, **options):
        stream = await self._real.connect_tcp(*arguments, **options)
        read = stream.read

        async def counted(*arguments, **options):
            data = await read(*arguments, **options)
            self.read_bytes += len(data)
            return data

        stream.read = counted
        return stream


async def test_a_receiver_that_hangs_is_given_up(hasty, receiver):
    receiver.answers.append(Answer(hangs=True))
    answer = await hasty.deliver(post(receiver))
    assert (answer.status, answer.fault, answer.body) == (None, "no complete answer within 0.3 s", "")
    assert len(receiver.received) == 1
    assert answer.duration_ms >= QUICK_S * 1_000


async def test_a_receiver_that_drips_is_cut_off_in_total_and_not_after_each_read(hasty, receiver):
    receiver.answers.append(Answer(drips=b"1\r\n.\r\n"))
    async with asyncio.timeout(PATIENCE_S):
        answer = await hasty.deliver(post(receiver))
        await receiver.left.wait()
    # It has said yes: that its body does not end is told, but does not undo it.
    assert (answer.status, answer.fault) == (200, "no complete answer within 0.3 s")
    assert set(answer.body) == {"."}


async def test_a_head_that_drips_is_cut_off(hasty, receiver):
    piece = b"HTTP/1.1 102 Processing\r\n\r\n"
    receiver.answers.append(Answer(raw=piece, drips=piece))
    answer = await hasty.deliver(post(receiver))
    assert (answer.status, answer.fault) == (None, "no complete answer within 0.3 s")


async def test_a_host_whose_look_up_takes_for_ever_is_given_up():
    async def never(host, port):
        await asyncio.Event().wait()

    async with HttpWebhooks(HERE, timeout_s=QUICK_S, resolver=never) as webhooks:
        answer = await webhooks.deliver(get("http://hooks.example.test/"))
    assert (answer.status, answer.fault) == (None, "no complete answer within 0.3 s")


@pytest.mark.parametrize("path", ["chunked", "length"])
async def test_no_more_than_the_limit_is_read_of_a_flood(receiver, path):
    flood = Answer(floods=True) if path == "chunked" else Answer(body=bytes(20_000_000))
    receiver.answers.append(flood)
    network = CountingNetwork()
    async with HttpWebhooks(HERE, timeout_s=PATIENCE_S, network=network) as webhooks:
        answer = await webhooks.deliver(post(receiver))
        await asyncio.wait_for(receiver.left.wait(), PATIENCE_S)
    assert (answer.status, answer.fault, len(answer.body)) == (200, None, 1_000)
    assert network.read_bytes <= 3 * 64 * 1_024


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 \xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\nConnection: upgrade\r\n\r\nodd",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x1b[2J\x07",
    ],
    ids=range(14),
)
async def test_what_is_no_proper_answer_is_a_fault(webhooks, receiver, raw):
    receiver.answers.append(Answer(raw=raw))
    answer = await webhooks.deliver(post(receiver))
    assert answer.status is None
    assert answer.fault.startswith(("no proper HTTP answer: ", "the connection was lost"))
    assert len(answer.fault) <= 200
    assert answer.fault.isprintable()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ],
    ids=["cut", "chunks"],
)
async def test_a_body_that_breaks_off_is_told_beside_the_status(webhooks, receiver, raw):
    receiver.answers.append(Answer(raw=raw))
    answer = await webhooks.deliver(post(receiver))
    assert (answer.status, answer.body) == (200, "half")
    assert answer.fault.startswith("no proper HTTP answer: ")


async def test_a_port_where_nobody_listens_is_told(webhooks):
    answer = await webhooks.deliver(get(f"http://127.0.0.1:{free_port()}/"))
    assert (answer.status, answer.fault) == (None, "no connection: Connection refused")


async def test_loopback_is_refused_where_it_is_not_allowed(receiver):
    async with HttpWebhooks() as webhooks:
        answer = await webhooks.deliver(post(receiver))
    assert answer.fault == "refused: the host 127.0.0.1 leads to an address that is not public"
    assert receiver.connections == 0


async def test_no_fault_tells_the_url(hasty, receiver):
    receiver.answers.extend([Answer(hangs=True), Answer(raw=b""), Answer(raw=b"odd\r\n\r\n")])
    for _ in range(3):
        answer = await hasty.deliver(post(receiver, "/path?token=secret"))
        assert answer.fault
        assert "secret" not in answer.fault
        assert "path" not in answer.fault


class TestTls:
    async def test_a_certificate_of_a_trusted_authority_is_taken(self):
        async with Receiver(serving_tls()) as receiver, HttpWebhooks(HERE, tls=trusting_tls()) as webhooks:
            answer = await webhooks.deliver(post(receiver))
        assert (answer.status, answer.fault) == (200, None)

    async def test_a_certificate_of_a_stranger_is_refused_by_default(self):
        async with Receiver(serving_tls()) as receiver, HttpWebhooks(HERE) as webhooks:
            answer = await webhooks.deliver(post(receiver))
        assert answer.fault.startswith("the certificate is not trusted: ")
        assert receiver.received == []

    async def test_a_receiver_that_never_shakes_hands_is_given_up_and_left(self, receiver):
        url = receiver.url().replace("http:", "https:")
        async with HttpWebhooks(HERE, timeout_s=QUICK_S) as webhooks:
            answer = await webhooks.deliver(get(url))
            assert (answer.status, answer.fault) == (None, "no complete answer within 0.3 s")
            await asyncio.wait_for(receiver.left.wait(), PATIENCE_S)

    async def test_a_receiver_that_speaks_no_tls_is_told(self):
        async def speak_http(reader, writer):
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        async with listening(speak_http) as port, HttpWebhooks(HERE, timeout_s=PATIENCE_S) as webhooks:
            answer = await webhooks.deliver(get(f"https://127.0.0.1:{port}/"))
        assert answer.fault.startswith("TLS failed: ")
