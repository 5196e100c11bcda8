"""What Asterisk tells on the way, parsed at the door. Field names are those of ARI's own models."""

from __future__ import annotations

import msgspec

NO_CAUSE = 0
"""Asterisk's cause where nobody gave one."""


class Channel(msgspec.Struct, frozen=True):
    """A channel, as far as we look."""

    id: str
    state: str = ""


class Playback(msgspec.Struct, frozen=True):
    """A playback; its target is ``channel:ID``."""

    id: str
    target_uri: str = ""
    state: str = ""


class Event(msgspec.Struct, frozen=True):
    """Any event. What a type lacks is as here; what a type has beyond this is not read.

    Args:
        cause: Q.850, as Asterisk makes it up from the SIP response code.
        tech_cause: that code itself, from Asterisk 20.14, 21.9 and 22.4 on; ``None`` for other technologies.
        digit: the key that was pressed.
        peer: the channel whose dialling has gone on, to ``dialstatus``.
        caller: the channel that dials it, where the dialplan does.
        variable, value: what Asterisk has set on the channel.
    """

    type: str
    channel: Channel | None = None
    peer: Channel | None = None
    caller: Channel | None = None
    playback: Playback | None = None
    cause: int = NO_CAUSE
    tech_cause: int | None = None
    digit: str = ""
    dialstatus: str = ""
    variable: str = ""
    value: str = ""

    @property
    def begins(self) -> bool:
        """Whether a channel of the application's own begins with it."""
        return self.type == "StasisStart" or (self.type == "Dial" and self.caller is None and not self.dialstatus)

    @property
    def channel_id(self) -> str | None:
        """Whom it is about."""
        channel = self.channel or self.peer
        if channel is not None:
            return channel.id
        if self.playback is not None:
            return self.playback.target_uri.removeprefix("channel:")
        return None


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint: ``online``, ``offline`` or ``unknown``."""

    state: str = "unknown"


class Info(msgspec.Struct, frozen=True):
    """Asterisk itself."""

    class System(msgspec.Struct, frozen=True):
        """What runs."""

        version: str = ""

    system: System = msgspec.field(default_factory=System)


event = msgspec.json.Decoder(Event)
endpoint = msgspec.json.Decoder(Endpoint)
info = msgspec.json.Decoder(Info)
