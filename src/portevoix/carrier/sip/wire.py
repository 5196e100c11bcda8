"""What a node and its media processes say to each other: length-prefixed MessagePack over a socket pair.

Both ends are of one release, so that there are no versions. A message's tag is its type's name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from portevoix.carrier.sip.terms import SipTerms
from portevoix.domain.call import Answerer, Outcome

LENGTH = struct.Struct("<I")
MOST_BYTES = 64 * 1_024 * 1_024
"""An hour of A-law is 29 million bytes; what is longer is no message of ours."""


class WireBroken(Exception):
    """The other end said something that is no message."""


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One message."""


class Peer(msgspec.Struct, frozen=True, array_like=True):
    """A trunk as a media process knows it.

    Args:
        id: of the trunk.
        host: as its URIs name it.
        port: of its server.
        addresses: what ``host`` stands for, numeric, the preferred first; only these are answered.
        username, password: for digests; empty for none.
        registers: whether it wants a REGISTER.
    """

    id: int
    host: str
    port: int
    addresses: tuple[str, ...]
    username: str = ""
    password: str = ""
    registers: bool = False

    def __repr__(self) -> str:
        """Write it without its password."""
        return f"Peer({self.id}, {self.host}:{self.port})"


class Mode(msgspec.Struct, frozen=True, array_like=True):
    """What is done once a call is answered.

    Args:
        deposits: a message is left rather than played to a person.
        is_mailbox: the trunk's dial rule leads to a mailbox directly, where nobody can answer.
    """

    deposits: bool = False
    is_mailbox: bool = False


class Setup(Message, frozen=True, tag=True):
    """First: how to begin.

    Args:
        index: of the process; the first one registers and asks for health.
    """

    terms: SipTerms
    index: int


class Sound(Message, frozen=True, tag=True):
    """What calls will play, once for all of them."""

    sha256: str
    alaw: bytes


class Forget(Message, frozen=True, tag=True):
    """No call will play this any more."""

    sha256: str


class Watch(Message, frozen=True, tag=True):
    """Answer this trunk, and keep it in sight."""

    peer: Peer


class Unwatch(Message, frozen=True, tag=True):
    """Let go of a trunk."""

    trunk: int


class Begin(Message, frozen=True, tag=True):
    """Make a call.

    Args:
        key: names the call in all that follows.
        user: the user part of the INVITE's URI.
        headers: further ones of the INVITE.
        caller: who is shown; ``None`` for anonymous.
        is_asserted: whether P-Asserted-Identity tells it too.
        sha256: what is played.
        longest_s: seconds from the answer to BYE at most.
        epoch_s: when the machine's monotonic clock stood at nought, in seconds since 1970 by the node's clock: a call
            is timed by both, so that none gets longer or dearer when somebody sets the machine's.
    """

    key: int
    peer: Peer
    user: str
    headers: tuple[tuple[str, str], ...]
    caller: str | None
    is_asserted: bool
    sha256: str
    mode: Mode
    longest_s: int
    epoch_s: float


class HangUp(Message, frozen=True, tag=True):
    """End a call."""

    key: int


class Ready(Message, frozen=True, tag=True):
    """The process has begun; tells its SIP port."""

    port: int


class Rang(Message, frozen=True, tag=True):
    """A phone rings; seconds since 1970."""

    key: int
    at: float


class Answered(Message, frozen=True, tag=True):
    """A call is answered; seconds since 1970."""

    key: int
    at: float


class Ended(Message, frozen=True, tag=True):
    """A call has ended; moments are seconds since 1970.

    Args:
        cause: the SIP response code where there was one.
        trace: moment, word, particulars.
        recorded: what the far end said first, A-law, where that is kept.
    """

    key: int
    at: float
    outcome: Outcome
    cause: int | None = None
    rang_at: float | None = None
    answered_at: float | None = None
    answerer: Answerer = Answerer.UNKNOWN
    digits: str = ""
    trace: tuple[tuple[float, str, str], ...] = ()
    recorded: bytes = b""


class Registration(Message, frozen=True, tag=True):
    """What came of a REGISTER: the response code, 0 for none at all."""

    trunk: int
    code: int
    reason: str
    expires_s: int


class Health(Message, frozen=True, tag=True):
    """What came of an OPTIONS: the response code, 0 for none at all; any response is a sign of life."""

    trunk: int
    code: int
    round_trip_ms: float


class Counted(Message, frozen=True, tag=True):
    """What was counted since the last time, by name.

    ``strangers``, ``malformed``, ``stalls``, ``faults``; and by the ear ``ear_restarts``, ``given_up``, ``unheard``.
    """

    counts: dict[str, int]


ToProcess = Setup | Sound | Forget | Watch | Unwatch | Begin | HangUp
FromProcess = Ready | Rang | Answered | Ended | Registration | Health | Counted

_encoder = msgspec.msgpack.Encoder()
_to_process: msgspec.msgpack.Decoder[ToProcess] = msgspec.msgpack.Decoder(ToProcess)
_from_process: msgspec.msgpack.Decoder[FromProcess] = msgspec.msgpack.Decoder(FromProcess)


def pack(message: Message) -> bytes:
    """Write a message with its length."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def read_to_process(body: bytes) -> ToProcess:
    """Read what a node said. Raises WireBroken."""
    try:
        return _to_process.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireBroken(str(error)) from error


def read_from_process(body: bytes) -> FromProcess:
    """Read what a process said. Raises WireBroken."""
    try:
        return _from_process.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireBroken(str(error)) from error


class Frames:
    """Cuts a stream of bytes into messages' bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take what was read; yields each body that is whole. Raises WireBroken for a length beyond reason."""
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > MOST_BYTES:
                raise WireBroken(f"a message of {length} bytes")
            if len(self._buffer) < LENGTH.size + length:
                return
            body = bytes(self._buffer[LENGTH.size : LENGTH.size + length])
            del self._buffer[: LENGTH.size + length]
            yield body
