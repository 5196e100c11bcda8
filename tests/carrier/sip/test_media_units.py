"""RTP, RTCP, the receive buffer, keys, and companding, by themselves."""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portevoix.audio import g711
from portevoix.carrier.sip import rtcp, rtp
from portevoix.carrier.sip.companding import ALAW_OF_ULAW, ULAW_OF_ALAW
from portevoix.carrier.sip.digits import MOST, Digits, read_info
from portevoix.carrier.sip.jitter import FIRST_FRAMES, MOST_BYTES, SILENCE, JitterBuffer
from portevoix.carrier.sip.rtp import FRAME_BYTES
from portevoix.carrier.sip.sdp import Codec, Direction, Media
from portevoix.carrier.sip.stream import Ports, Stream, media_hosts
from tests.carrier.sip.trunk import HERE


def test_a_frame_is_of_the_codec_that_its_header_tells_while_that_changes() -> None:
    stream = Stream(Ports(HERE, 41_400, 41_599).take())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((HERE, 0))
        wanted = Media(HERE, far.getsockname()[1], Codec.PCMA, None, Direction.BOTH)
        stream.play(Codec.PCMA, b"a" * FRAME_BYTES * 3, lambda: None)
        stream.aim(wanted, [HERE])
        stream.tick()
        stream.respeak(Codec.PCMU, b"u" * FRAME_BYTES * 3)
        stream.tick()  # the other thread, between the two steps of the one that changes it
        stream.aim(replace(wanted, codec=Codec.PCMU), [HERE])
        stream.tick()
        packets = [rtp.parse(far.recv(2_048)) for _ in range(3)]
    stream.close()
    said = [(one.payload_type, one.payload[:1]) for one in packets if one is not None]
    assert said == [(Codec.PCMA, b"a"), (Codec.PCMA, b"a"), (Codec.PCMU, b"u")]


def test_companding_is_that_of_g711_by_arithmetic() -> None:
    every = bytes(range(256))
    assert every.translate(ULAW_OF_ALAW) == g711.alaw_to_ulaw(every)
    assert every.translate(ALAW_OF_ULAW) == g711.alaw_encode(g711.ulaw_decode(every))


def test_comfort_noise_is_all_but_silent() -> None:
    pcm = g711.alaw_decode(rtp.comfort_noise()).astype(np.float64)
    assert len(pcm) == 8_000
    assert 20 * np.log10(np.sqrt(np.mean(pcm**2)) / 32_768) < -60


def packet(sequence: int, timestamp: int, payload: bytes = b"x", kind: int = 8, flags: int = 0x80) -> bytes:
    return rtp.HEADER.pack(flags, kind, sequence, timestamp, 0xABCD) + payload


def test_a_packets_payload_is_what_lies_between_its_extras() -> None:
    csrc, extension = b"\0" * 8, b"\xbe\xde\0\1" + b"ext!"
    data = packet(5, 160, csrc + extension + b"audio" + b"\0\0\3", flags=0x80 | 2 | 0x10 | 0x20)
    assert rtp.parse(data) == rtp.Packet(8, 5, 160, 0xABCD, b"audio")


@given(st.binary(max_size=200))
def test_any_datagram_is_a_packet_or_none(data: bytes) -> None:
    read = rtp.parse(data)
    assert read is None or len(read.payload) <= len(data) - rtp.HEADER.size


@given(st.binary(max_size=200))
def test_any_datagram_is_a_report_or_none(data: bytes) -> None:
    rtcp.read(data, 1)
    rtcp.read(b"\x81\xc9\x00\x07" + data, 1)


def heard(sequences: list[int], ssrc: int = 1) -> rtcp.Reception:
    reception = rtcp.Reception()
    for place, sequence in enumerate(sequences):
        reception.hear(ssrc, sequence, 160 * place, 160.0 * place)
    return reception


def test_losses_are_counted_over_the_turn_of_the_numbers() -> None:
    reception = heard([65_534, 65_535, 1, 2])
    assert (reception.received, reception.expected, reception.lost) == (4, 5, 1)
    assert heard([10, 12, 11, 12]).lost == 0


def test_a_new_source_is_no_loss() -> None:
    reception = heard([1, 2, 3])
    reception.hear(2, 40_000, 0, 0.0)
    reception.hear(2, 40_002, 320, 320.0)
    assert reception.lost == 1


def test_jitter_is_that_of_rfc_3550() -> None:
    reception = rtcp.Reception()
    for place, late in enumerate([0, 80, 0, 80]):  # 10 ms to and fro
        reception.hear(1, place, 160 * place, 160.0 * place + late)
    expected = 0.0
    for change in (80, 80, 80):
        expected += (change - expected) / 16
    assert reception.jitter_ms == expected / 8


def test_a_report_is_read_by_the_other_end_as_it_was_meant() -> None:
    reception = heard([1, 2, 4, 5], ssrc=77)
    data = rtcp.report(rtcp.Sent(9, 1_600, 10, 1_600), reception, 1_700_000_000.5, "a@portevoix", ends=True)
    assert rtcp.read(data, 77) == rtcp.FarEnd(1, 0.0)
    assert rtcp.read(data, 78) is None
    kinds, rest = [], data
    while rest:
        _, kind, words = struct.unpack_from("!BBH", rest)
        kinds.append(kind)
        rest = rest[4 * (words + 1) :]
    assert kinds == [rtcp.SENDER, rtcp.DESCRIPTION, rtcp.GOODBYE]


def frame(number: int) -> bytes:
    return bytes([number]) * FRAME_BYTES


def test_frames_come_out_in_order_with_silence_for_what_is_lost() -> None:
    buffer = JitterBuffer()
    for number in (1, 0, 2, 4, 5):
        buffer.push(1_000 + number * FRAME_BYTES, frame(number))
    assert [buffer.pull() for _ in range(5)] == [frame(1), frame(2), SILENCE, frame(4), frame(5)]
    assert buffer.late == 1  # the first to come sets the beginning


def test_nothing_comes_out_before_enough_came_in_and_silence_when_it_ran_dry() -> None:
    buffer = JitterBuffer()
    for number in range(FIRST_FRAMES):
        assert buffer.pull() == SILENCE
        buffer.push(number * FRAME_BYTES, frame(number))
    assert [buffer.pull() for _ in range(FIRST_FRAMES)] == [frame(number) for number in range(FIRST_FRAMES)]
    assert buffer.pull() == SILENCE


def test_packets_of_other_lengths_come_out_as_frames() -> None:
    buffer, said = JitterBuffer(), random.Random(1).randbytes(FRAME_BYTES * 6)
    for start in range(0, len(said), 240):
        buffer.push(start, said[start : start + 240])
    assert b"".join(buffer.pull() for _ in range(6)) == said


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 500), st.booleans()), max_size=60))
def test_whatever_comes_a_frame_goes_out_and_little_is_kept(pushes: list[tuple[int, int, bool]]) -> None:
    buffer = JitterBuffer()
    for timestamp, length, pulls in pushes:
        buffer.push(timestamp, b"\x55" * length)
        assert sum(map(len, buffer._held.values())) <= MOST_BYTES + 500
        if pulls:
            assert len(buffer.pull()) == FRAME_BYTES


def event(key: int, *, ends: bool = False) -> bytes:
    return bytes([key, 0x80 if ends else 0, 0, 160])


def test_a_key_counts_once_however_often_its_end_is_told() -> None:
    digits = Digits()
    for _ in range(3):
        digits.hear(event(5), 1_000)
    for _ in range(3):
        digits.hear(event(5, ends=True), 1_000)
    assert digits.pressed == "5"


def test_a_key_whose_end_was_lost_counts_when_the_next_begins_or_the_call_ends() -> None:
    digits = Digits()
    digits.hear(event(1), 1_000)
    digits.hear(event(1), 2_000)
    assert digits.pressed == "1"
    digits.finish()
    assert digits.pressed == "11"


@given(st.lists(st.tuples(st.binary(max_size=6), st.integers(0, 3)), max_size=200))
def test_any_event_is_a_key_or_nothing(events: list[tuple[bytes, int]]) -> None:
    digits = Digits()
    for payload, timestamp in events:
        digits.hear(payload, timestamp)
    digits.finish()
    assert set(digits.pressed) <= set("0123456789*#ABCD")
    assert len(digits.pressed) <= MOST


def test_info_bodies_tell_keys_too() -> None:
    assert read_info("Signal=5\r\nDuration=160\r\n") == "5"
    assert read_info("#") == "#"
    assert read_info("Signal=55") is None
    assert read_info("") is None


def test_media_come_from_where_they_were_said_to_or_from_the_trunk_and_from_anywhere_behind_a_nat() -> None:
    assert media_hosts("9.8.7.6", ["9.8.7.1"]) == {"9.8.7.6", "9.8.7.1"}
    assert media_hosts(None, ["9.8.7.1"]) == {"9.8.7.1"}
    assert media_hosts("10.0.0.6", ["10.0.0.1"]) == {"10.0.0.6", "10.0.0.1"}
    assert media_hosts("10.0.0.6", ["9.8.7.1"]) is None
