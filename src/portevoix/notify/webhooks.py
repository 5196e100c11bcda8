"""Delivers webhooks over HTTP/1.1, to receivers that nobody here knows.

It stands on the layer below httpx2: there, a request leaves to the byte as it was signed, and there is nothing to
switch off. No redirect is followed, no cookie kept, no proxy asked, no body decoded, no URL logged.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import mktime_tz, parsedate_tz
from functools import cache
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpcore2

from portevoix.domain.account import Network
from portevoix.domain.webhook import WebhookAnswer, WebhookRequest
from portevoix.notify.guard import DestinationRefused, DestinationUnknown, Guard, GuardedNetwork, Resolver, resolve

_BODY_BYTES = 64 * 1_024
_SHOWN_CHARACTERS = 1_000
_FAULT_CHARACTERS = 200
# Long enough for a run of webhooks to one receiver, short enough that it rarely hangs up on us first.
_IDLE_S = 5.0
_IDLE_CONNECTIONS = 100

_Headers = Sequence[tuple[bytes, bytes]]


@dataclass
class _Received:
    """What has come in so far; it stays when the rest does not come."""

    status: int | None = None
    retry_after_s: int | None = None
    body: bytearray = field(default_factory=bytearray)


@cache
def _system_tls() -> ssl.SSLContext:
    """Trust the system's authorities: reading them takes longer than all else that a start does here."""
    return httpcore2.default_ssl_context()


class HttpWebhooks:
    """Sends webhooks, many at once, over kept connections.

    How many are under way altogether, the caller decides. Those to one host beyond ``per_host`` wait, outside of their
    time, for ``patience_s`` at most: a slow receiver takes up no more than that, and keeps nobody waiting for long.

    Args:
        allowed: networks that may be reached although they are not public.
        timeout_s: for one try, from the look-up of its host to the last byte of the answer.
        per_host: tries under way to one host at most.
        patience_s: how long a try waits for its turn at a host.
        tls: checks certificates; the system's authorities by default.
        resolver: looks hosts up.
        network: opens connections to addresses.
    """

    def __init__(
        self,
        allowed: Iterable[Network] = (),
        *,
        timeout_s: float = 15.0,
        per_host: int = 10,
        patience_s: float = 1.0,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
        network: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._per_host = per_host
        self._patience_s = patience_s
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._agent = f"Portevoix/{version('portevoix')}"
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or _system_tls(),
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_S,
            network_backend=GuardedNetwork(Guard(allowed, resolver), network),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def deliver(self, request: WebhookRequest) -> WebhookAnswer | None:
        """Send one webhook and read its answer, 64 KiB of it at most.

        Returns:
            whatever came of it: nothing that the network or the receiver does is raised. A redirect is an answer like
            any other. ``None`` where its host had as many under way as it may: nothing was sent.
        """
        try:
            url = _target(request.url)
        except ValueError:
            return WebhookAnswer(None, "the URL cannot be read", "", 0, None)
        host = url.host.decode("ascii")
        place = self._place(host)
        try:
            async with asyncio.timeout(self._patience_s):
                await place.acquire()
        except TimeoutError:
            return None
        try:
            began_ns = time.monotonic_ns()
            received = _Received()
            fault = await self._try(request, url, host, received)
            duration_ms = (time.monotonic_ns() - began_ns) // 1_000_000
        finally:
            place.release()
        body = _readable(bytes(received.body), _SHOWN_CHARACTERS)
        return WebhookAnswer(received.status, fault, body, duration_ms, received.retry_after_s)

    def _place(self, host: str) -> asyncio.Semaphore:
        place = self._places.get(host)
        if place is None:
            place = self._places[host] = asyncio.Semaphore(self._per_host)
        return place

    async def _try(self, request: WebhookRequest, url: httpcore2.URL, host: str, received: _Received) -> str | None:
        """Send and read; returns what went wrong."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(request, url, host, received)
        except TimeoutError:
            return f"no complete answer within {self._timeout_s:g} s"
        except (DestinationRefused, DestinationUnknown) as refusal:
            return str(refusal)
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            return _plain(error)
        return None

    async def _exchange(self, request: WebhookRequest, url: httpcore2.URL, host: str, received: _Received) -> None:
        own = {
            "Host": _host_header(url, host),
            "User-Agent": self._agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in {**own, **request.headers}.items()]
        content = request.body or None
        # The name in a certificate has no dot at its end (RFC 6066, 3).
        extensions = {"sni_hostname": host.removesuffix(".")}
        async with self._pool.stream(
            request.method, url, headers=headers, content=content, extensions=extensions
        ) as response:
            received.status = response.status
            received.retry_after_s = _retry_after_s(response.headers)
            async with aclosing(response.aiter_stream()) as pieces:
                async for piece in pieces:
                    received.body += piece[: _BODY_BYTES - len(received.body)]
                    if len(received.body) >= _BODY_BYTES:
                        return


def _target(text: str) -> httpcore2.URL:
    """Take a URL apart; its path and query stay as they are. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or not text.isprintable():
        raise ValueError("not a URL in ASCII with a host")
    query = f"?{parts.query}" if parts.query else ""
    return httpcore2.URL(
        scheme=parts.scheme, host=parts.hostname, port=parts.port, target=f"{parts.path or '/'}{query}"
    )


def _host_header(url: httpcore2.URL, host: str) -> str:
    """Write the Host header (RFC 9110, 7.2): brackets around IPv6, no port that the scheme implies."""
    name = f"[{host}]" if ":" in host else host
    is_implied = url.port is None or (url.scheme, url.port) in ((b"http", 80), (b"https", 443))
    return name if is_implied else f"{name}:{url.port}"


def _retry_after_s(headers: _Headers) -> int | None:
    """Read Retry-After (RFC 9110, 10.2.3): seconds, or a date, which is measured against the answer's own."""
    values = {name.lower(): value.decode("latin-1").strip() for name, value in headers}
    text = values.get(b"retry-after", "")
    if text.isascii() and text.isdigit():
        return int(text[:9])
    then, now = parsedate_tz(text), parsedate_tz(values.get(b"date", ""))
    if then is None or now is None:
        return None
    try:
        return max(0, mktime_tz(then) - mktime_tz(now))
    except (ValueError, OverflowError):
        return None


def _readable(data: bytes, most: int) -> str:
    """Show bytes that a stranger sent as one line: nothing in it moves a cursor, ends a line or is no character."""
    text = data[: 4 * most].decode("utf-8", "replace")[:most]
    return "".join(one if one.isprintable() else " " if one.isspace() else "\ufffd" for one in text)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _plain(error: Exception) -> str:
    """Say what went wrong, in words that hold no URL."""
    if isinstance(error, httpcore2.ProtocolError):
        return _readable(f"no proper HTTP answer: {error}".encode(), _FAULT_CHARACTERS)
    if isinstance(error, (httpcore2.ReadError, httpcore2.WriteError)):
        return "the connection was lost"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason}"
        if isinstance(cause, OSError) and cause.errno:
            return f"no connection: {os.strerror(cause.errno)}"
    return f"no connection: {type(error).__name__}"
