"""What the far end says is kept: no more than is wanted, in order, gaps as silence, and only while it is wanted."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from portevoix.carrier.sip.jitter import FIRST_FRAMES, SILENCE
from portevoix.carrier.sip.keeping import Kept
from portevoix.carrier.sip.rtp import FRAME_BYTES, HEADER
from portevoix.carrier.sip.sdp import Codec, Direction, Media
from portevoix.carrier.sip.stream import Ports, Stream
from tests.carrier.sip.trunk import HERE

FIRST_PORT = 41_000


@pytest.fixture
def far() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((HERE, 0))
        yield far


@pytest.fixture
def stream(far: socket.socket) -> Iterator[Stream]:
    """A stream that is aimed at the far end."""
    wanted = Media(HERE, far.getsockname()[1], Codec.PCMA, None, Direction.BOTH)
    made = Stream(Ports(HERE, FIRST_PORT, FIRST_PORT + 199).take())
    made.aim(wanted, [HERE])
    yield made
    made.close()


def frame(number: int) -> bytes:
    return bytes([number]) * FRAME_BYTES


def say(far: socket.socket, stream: Stream, *numbers: int) -> None:
    """Say frames, and have them read."""
    for number in numbers:
        far.sendto(HEADER.pack(0x80, 8, number, number * FRAME_BYTES, 7) + frame(number), (HERE, stream.port))
    stream.drain()


def test_what_is_lost_is_silence_and_the_rest_is_kept_bit_by_bit(far: socket.socket, stream: Stream) -> None:
    kept = Kept(1)
    stream.keeper = kept.take
    say(far, stream, 1, 2, 3, 5)
    for _ in range(5):
        stream.tick()
    assert kept.alaw() == frame(1) + frame(2) + frame(3) + SILENCE + frame(5)


def test_no_more_is_kept_than_is_wanted(far: socket.socket, stream: Stream) -> None:
    kept = Kept(1)
    stream.keeper = kept.take
    for number in range(60):
        say(far, stream, number)
        stream.tick()
    waited = FIRST_FRAMES - 1  # for the buffer to have enough
    assert kept.alaw() == SILENCE * waited + b"".join(map(frame, range(50 - waited)))
    assert stream.keeper is None


def test_who_listens_hears_the_same_as_what_is_kept_and_longer(far: socket.socket, stream: Stream) -> None:
    kept, heard = Kept(1), bytearray()
    stream.keeper, stream.listener = kept.take, heard.extend
    for number in range(60):
        say(far, stream, number)
        stream.tick()
    assert len(heard) == 60 * FRAME_BYTES
    assert heard.startswith(kept.alaw())


def test_a_call_that_nobody_keeps_or_hears_buffers_nothing(far: socket.socket, stream: Stream) -> None:
    say(far, stream, *range(FIRST_FRAMES))
    stream.tick()
    assert stream.reception.received == FIRST_FRAMES
    assert stream.jitter.pull() == SILENCE
