"""What a node and its media processes say, there and back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.carrier import report_of
from portevoix.carrier.sip.terms import SipTerms, SipTermsInvalid
from portevoix.carrier.sip.wire import (
    LENGTH,
    Answered,
    Begin,
    Counted,
    Ended,
    Forget,
    Frames,
    FromProcess,
    HangUp,
    Health,
    Mode,
    Peer,
    Rang,
    Ready,
    Registration,
    Setup,
    Sound,
    ToProcess,
    Unwatch,
    Watch,
    WireBroken,
    pack,
    read_from_process,
    read_to_process,
)
from portevoix.domain.call import Answerer, Outcome

PEER = Peer(3, "trunk.example", 5060, ("192.0.2.1",), "user", "secret", registers=True)
SAID: list[ToProcess] = [
    Setup(SipTerms(processes=2, amd=Terms(greeting_ms=1_900), record_s=10), 1),
    Sound("ab", b"\x55\xd5"),
    Forget("ab"),
    Watch(PEER),
    Unwatch(3),
    Begin(1, PEER, "+33639980100", (("X-A", "b"),), None, False, "ab", Mode(True, True), 60, 1.5),
    HangUp(1),
]
HEARD: list[FromProcess] = [
    Ready(5060),
    Rang(1, 1.5),
    Answered(1, 2.5),
    Ended(1, 9.0, Outcome.VOICEMAIL, None, 1.5, 2.5, Answerer.MACHINE, "12#", ((2.6, "beep", "hz=1000"),), b"\x55"),
    Registration(3, 200, "OK", 300),
    Health(3, 0, 12.5),
    Counted({"stalls": 2}),
]


@given(st.integers(1, 40))
def test_messages_come_whole_however_they_are_cut(size: int) -> None:
    frames, data = Frames(), b"".join(map(pack, SAID))
    bodies = [body for start in range(0, len(data), size) for body in frames.feed(data[start : start + size])]
    assert [read_to_process(body) for body in bodies] == SAID


def test_messages_come_back_as_they_were_said() -> None:
    assert [read_from_process(body) for message in HEARD for body in Frames().feed(pack(message))] == HEARD


def test_a_length_beyond_reason_is_no_message() -> None:
    with pytest.raises(WireBroken):
        list(Frames().feed(LENGTH.pack(2**31)))


@given(st.binary(max_size=200))
def test_any_body_is_a_message_or_refused(body: bytes) -> None:
    with pytest.raises(WireBroken):
        read_to_process(b"\xc1" + body)
    for read in (read_to_process, read_from_process):
        with suppress(WireBroken):
            read(body)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(PEER)
    assert "secret" not in repr(Watch(PEER))


def test_a_report_says_what_the_process_said() -> None:
    ended = HEARD[3]
    assert isinstance(ended, Ended)
    report = report_of(ended)
    assert (report.outcome, report.answerer, report.keys, report.duration_s) == (
        Outcome.VOICEMAIL,
        Answerer.MACHINE,
        "12#",
        7,
    )
    assert report.recorded == b"\x55"
    assert "recorded" not in repr(report)  # nobody's voice in a log
    assert [(one.at.timestamp(), one.what, one.detail) for one in report.trace] == [(2.6, "beep", "hz=1000")]


def test_every_process_has_ports_of_its_own() -> None:
    terms = SipTerms(processes=3, rtp_ports=(10_001, 10_100), port=5_060)
    shares = [terms.rtp_ports_of(index) for index in range(3)]
    assert shares == [(10_002, 10_033), (10_034, 10_065), (10_066, 10_097)]
    assert [terms.port_of(index) for index in range(3)] == [5_060, 5_061, 5_062]


@pytest.mark.parametrize(
    "wrong",
    [
        {"bind": "example.org"},
        {"public": "here"},
        {"bind": "::", "public": "192.0.2.1"},
        {"bind": "192.0.2.1", "public": "2001:db8::1"},
        {"rtp_ports": (80, 90)},
        {"rtp_ports": (20_000, 20_001), "processes": 2},
        {"port": 70_000},
        {"ring_timeout_s": 0.0},
        {"session_s": 30},
        {"record_s": 31},
        {"record_s": -1},
    ],
)
def test_terms_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SipTermsInvalid):
        SipTerms(**{"processes": 1, **wrong})  # type: ignore[arg-type]
