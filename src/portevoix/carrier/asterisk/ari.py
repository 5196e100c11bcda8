"""A connection to one Asterisk's REST interface: requests, and the events of an application of our own."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote

import httpx2
import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from portevoix.carrier.asterisk import events
from portevoix.carrier.asterisk.events import Event
from portevoix.domain.trunk import Credentials, Server

REQUESTS_AT_ONCE = 32
KEPT_S = 5.0
"""How long an idle connection is kept: Asterisk shuts it after 15 s, and a request must not meet that."""
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
TIDY_EVERY_S = 5.0
"""How long what could not be removed is left before it is tried again."""
GATEWAY = (502, 504)
"""What a proxy in front of Asterisk says that has passed a request on, and has no answer."""

log = structlog.get_logger(__name__)


class AriDown(Exception):
    """Asterisk could not be asked: nothing has happened there."""


class AriUnclear(Exception):
    """Asterisk was asked, and has not answered: nobody knows what has happened."""


class AriRefused(Exception):
    """Asterisk has said no.

    Args:
        status: of the HTTP response.
        reason: what it says in words.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class Listener(Protocol):
    """Whoever is told what happens to a channel."""

    def take(self, event: Event) -> None:
        """Something has happened."""

    def lose(self) -> None:
        """Nothing more will be told: the connection, or Asterisk itself, is gone."""


class Ari:
    """One Asterisk, of which ``run`` keeps the events.

    Args:
        server: where it answers, over HTTP.
        credentials: of a user in its ari.conf.
        timeout_s: how long it may take to answer.
        on_change: told when the events come and when they are lost.
    """

    def __init__(
        self,
        server: Server,
        credentials: Credentials,
        timeout_s: float,
        on_change: Callable[[bool], None] = lambda is_up: None,
    ) -> None:
        # A name that two connections shared would send each other's calls' events to the later one alone.
        self.app = f"portevoix-{secrets.token_hex(6)}"
        self.failure = ""
        self._server = server
        self._credentials = credentials
        self.timeout_s = timeout_s
        self._on_change = on_change
        self._up = asyncio.Event()
        self._listeners: dict[str, Listener] = {}
        self._leftovers: set[str] = set()
        self._untidy = asyncio.Event()
        self._client = httpx2.AsyncClient(
            base_url=f"http://{server}/ari/",
            auth=(credentials.username, credentials.password),
            timeout=timeout_s,
            limits=httpx2.Limits(max_connections=REQUESTS_AT_ONCE, keepalive_expiry=KEPT_S),
            trust_env=False,
        )

    @property
    def is_up(self) -> bool:
        """Whether events come."""
        return self._up.is_set()

    @property
    def is_used(self) -> bool:
        """Whether somebody listens."""
        return bool(self._listeners)

    async def ready(self) -> None:
        """Wait until events come, as long as a request may take. Raises AriDown."""
        try:
            async with asyncio.timeout(self.timeout_s):
                await self._up.wait()
        except TimeoutError as error:
            raise AriDown(self.failure or "no connection yet") from error

    def listen(self, channel: str, listener: Listener) -> None:
        """Tell somebody what happens to a channel."""
        self._listeners[channel] = listener

    def drop(self, channel: str) -> None:
        """Tell nobody any more."""
        self._listeners.pop(channel, None)

    async def run(self) -> None:
        """Keep the events coming, until cancelled."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                async with self._connect() as socket:
                    wait_s = FIRST_WAIT_S
                    await self._hear(socket)
                    self.failure = "the connection was closed"
            except (OSError, WebSocketException) as error:
                self.failure = f"{type(error).__name__}: {error}"
            finally:
                self._lose()
            if wait_s == FIRST_WAIT_S:  # said once, not at each attempt
                self._on_change(False)
                log.warning("asterisk_away", server=str(self._server), error=self.failure)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def close(self) -> None:
        """Let go of the connections for requests."""
        await self._client.aclose()

    def _connect(self) -> connect:
        known = f"{self._credentials.username}:{self._credentials.password}".encode()
        return connect(
            f"ws://{self._server}/ari/events?app={self.app}",
            additional_headers={"Authorization": f"Basic {base64.b64encode(known).decode()}"},
            open_timeout=self.timeout_s,
            proxy=None,
        )

    async def _hear(self, socket: ClientConnection) -> None:
        self._up.set()
        self._on_change(True)
        log.info("asterisk_ready", server=str(self._server), app=self.app)
        tidying = asyncio.create_task(self._tidy())
        try:
            async for message in socket:
                try:
                    event = events.event.decode(message)
                except msgspec.DecodeError as error:
                    log.warning("asterisk_unread", error=str(error))
                    continue
                self._pass_on(event)
        finally:
            tidying.cancel()
            await asyncio.wait({tidying})

    def _pass_on(self, event: Event) -> None:
        channel = event.channel_id or ""
        listener = self._listeners.get(channel)
        if listener is not None:
            listener.take(event)
        elif channel and event.begins:  # its request came late, when its call was given up
            log.warning("asterisk_stray", channel=channel)
            self._leftovers.add(channel_path(channel))
            self._untidy.set()

    async def _tidy(self) -> None:
        """Remove what could not be removed before, until cancelled."""
        while True:
            await asyncio.gather(*map(self.remove, self._leftovers))
            with suppress(TimeoutError):
                async with asyncio.timeout(TIDY_EVERY_S):
                    await self._untidy.wait()
            self._untidy.clear()

    def _lose(self) -> None:
        """Take note that what happens to channels is not told any more."""
        self._up.clear()
        for listener in list(self._listeners.values()):
            listener.lose()

    async def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> bytes:
        """Ask for something; returns the answer's body.

        Args:
            variables: set on the channel that is made.

        Raises:
            AriDown, AriUnclear, AriRefused.
        """
        body = {"variables": dict(variables)} if variables else None
        try:
            answer = await self._client.request(method, path, params=dict(parameters or {}), json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise AriDown(f"{type(error).__name__}: {error}") from error
        except httpx2.HTTPError as error:
            log.warning("asterisk_unclear", method=method, path=path, error=f"{type(error).__name__}: {error}")
            raise AriUnclear(f"{type(error).__name__}: {error}") from error
        if answer.is_server_error:
            log.warning("asterisk_failed", method=method, path=path, status=answer.status_code)
        if answer.status_code in GATEWAY:
            raise AriUnclear(f"{answer.status_code} {_reason(answer.content)}")
        if not answer.is_success:
            raise AriRefused(answer.status_code, _reason(answer.content))
        return answer.content

    async def remove(self, path: str) -> None:
        """Remove a channel or a bridge, now or as soon as Asterisk can be asked again; well where there is none."""
        self._leftovers.add(path)
        try:
            await self.ask("DELETE", path)
        except AriRefused as error:
            if error.status >= 500:
                return
        except (AriDown, AriUnclear):
            return
        self._leftovers.discard(path)


def channel_path(channel: str, what: str = "") -> str:
    """Write a channel's path."""
    return f"channels/{quote(channel, safe='')}{what}"


def _reason(body: bytes) -> str:
    """Read what a refusal says; Asterisk calls it ``message`` or ``error``."""
    try:
        said = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return ""
    return str(said.get("message") or said.get("error") or "")[:200]
