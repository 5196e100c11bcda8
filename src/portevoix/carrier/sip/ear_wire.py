"""What a process that makes calls and its ear say to each other; framed as ``wire`` is."""

from __future__ import annotations

import msgspec

from portevoix.audio.answering.heard import Heard, Verdict
from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.wire import Message, WireBroken


class Begin(Message, frozen=True, tag=True):
    """First: what hears.

    Args:
        analyser: ``module:name`` of what makes one for a call.
        terms: what it judges by.
    """

    analyser: str
    terms: Terms


class Batch(Message, frozen=True, tag=True):
    """What calls said within a few milliseconds.

    Args:
        at_s: when it was sent, by the machine's monotonic clock, which both ends read.
        frames: each with its call's key and its number, from 1 on; numbers that are left out were lost.
        over: calls that listen no more.
    """

    at_s: float
    frames: tuple[tuple[int, int, bytes], ...]
    over: tuple[int, ...]


class Begun(Message, frozen=True, tag=True):
    """The analyser is loaded."""


class Told(Message, frozen=True, tag=True):
    """What was heard in a call, after so many milliseconds of it, and what is known of it by now."""

    key: int
    at_ms: int
    heard: tuple[Heard, ...]
    verdict: Verdict | None


class Deaf(Message, frozen=True, tag=True):
    """No more of a call will be heard.

    Args:
        is_fault: the analyser failed; else the ear was too far behind.
    """

    key: int
    is_fault: bool


ToEar = Begin | Batch
FromEar = Begun | Told | Deaf

_to_ear: msgspec.msgpack.Decoder[ToEar] = msgspec.msgpack.Decoder(ToEar)
_from_ear: msgspec.msgpack.Decoder[FromEar] = msgspec.msgpack.Decoder(FromEar)


def read_to_ear(body: bytes) -> ToEar:
    """Read what the ear is told. Raises WireBroken."""
    try:
        return _to_ear.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireBroken(str(error)) from error


def read_from_ear(body: bytes) -> FromEar:
    """Read what the ear said. Raises WireBroken."""
    try:
        return _from_ear.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireBroken(str(error)) from error
