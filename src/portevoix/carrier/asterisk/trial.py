"""Whether Asterisk can play what we lay for it, and its audio reaches us: tried on a channel that rings nobody."""

from __future__ import annotations

import asyncio
import secrets
from enum import StrEnum

from portevoix.carrier.asterisk.ari import Ari, AriRefused, channel_path
from portevoix.carrier.asterisk.events import Event
from portevoix.carrier.asterisk.sounds import Sounds
from portevoix.carrier.asterisk.tap import own_address
from portevoix.carrier.sip.jitter import SILENCE
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.trunk import Server

MESSAGE = TelephoneAudio(SILENCE * 10)
LONGEST_S = 5.0
LIMITS = {"TIMEOUT(absolute)": "30"}


class Trial(StrEnum):
    """How a trial went."""

    PLAYED = "played"
    UNWRITABLE = "unwritable"  # we cannot lay a file in the folder
    NO_CHANNEL = "no_channel"  # Asterisk makes no channel of RTP towards us
    UNREAD = "unread"  # it cannot play what lies there
    UNHEARD = "unheard"  # it has played, and nothing has come


class _Watch(asyncio.DatagramProtocol):
    """What is told of the channel, and what comes from it."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.heard = asyncio.Event()
        self.has_played = False

    def take(self, event: Event) -> None:
        """Something has happened to the channel."""
        if event.type == "StasisStart":
            self.began.set()
        elif event.type == "PlaybackFinished" and event.playback is not None:
            self.has_played = event.playback.state == "done"
            self.ended.set()

    def lose(self) -> None:
        """Nothing more will be told."""
        self.began.set()
        self.ended.set()

    def datagram_received(self, data: bytes, source: object) -> None:
        """Something has come from it."""
        self.heard.set()


async def try_sounds(ari: Ari, server: Server, sounds: Sounds) -> Trial:
    """Have Asterisk play a moment of silence to ourselves.

    Args:
        server: it as we reach it.
        sounds: the folder.

    Raises:
        AriDown, AriUnclear.
        OSError: there is no way to it.
    """
    try:
        media = sounds.lay(MESSAGE)
    except OSError:
        return Trial.UNWRITABLE
    loop = asyncio.get_running_loop()
    try:
        transport, watch = await loop.create_datagram_endpoint(_Watch, local_addr=(await own_address(server), 0))
        host, port = transport.get_extra_info("sockname")[:2]
        channel = f"check-{secrets.token_hex(6)}"
        ari.listen(channel, watch)
        try:
            return await _play(ari, channel, watch, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", media)
        finally:
            ari.drop(channel)
            await ari.remove(channel_path(channel))
            transport.close()
    finally:
        sounds.forget(MESSAGE)


async def _play(ari: Ari, channel: str, watch: _Watch, here: str, media: str) -> Trial:
    asked = {"app": ari.app, "channelId": channel, "external_host": here, "format": "alaw"}
    try:
        await ari.ask("POST", "channels/externalMedia", asked, LIMITS)
        async with asyncio.timeout(LONGEST_S):
            await watch.began.wait()
    except (AriRefused, TimeoutError):
        return Trial.NO_CHANNEL
    try:
        await ari.ask("POST", channel_path(channel, "/play"), {"media": media})
        async with asyncio.timeout(LONGEST_S):
            await watch.ended.wait()
    except (AriRefused, TimeoutError):
        return Trial.UNREAD
    if not watch.has_played:
        return Trial.UNREAD
    return Trial.PLAYED if watch.heard.is_set() else Trial.UNHEARD
