"""Session descriptions: what we make of any answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.carrier.sip.sdp import Codec, Direction, Local, Media, SdpRefused, parse

LOCAL = Local("192.0.2.1", 16_384, session=7)


def sdp(*media: str, connection: str = "c=IN IP4 192.0.2.9") -> str:
    return "\r\n".join(["v=0", "o=far 1 1 IN IP4 192.0.2.9", "s=-", connection, "t=0 0", *media, ""])


AUDIO = "m=audio 40000 RTP/AVP 0 8 101"


def test_our_offer_is_read_back_as_what_it_says() -> None:
    media = parse(LOCAL.offer())
    assert media == Media("192.0.2.1", 16_384, Codec.PCMA, 101, Direction.BOTH, codecs=(Codec.PCMA, Codec.PCMU))
    assert media.hears


def test_the_first_codec_of_ours_in_their_list_is_spoken() -> None:
    media = parse(sdp(AUDIO, "a=rtpmap:101 telephone-event/8000"))
    assert (media.codec, media.codecs, media.events) == (Codec.PCMU, (Codec.PCMU, Codec.PCMA), 101)


def test_a_mediums_own_address_counts_before_the_sessions() -> None:
    assert parse(sdp(AUDIO, "c=IN IP4 192.0.2.77")).address == "192.0.2.77"
    assert parse(sdp(AUDIO, "c=IN IP6 2001:db8::9")).address == "2001:db8::9"


@pytest.mark.parametrize(
    ("attribute", "hears", "answer"),
    [("sendrecv", True, "sendrecv"), ("sendonly", False, "recvonly"), ("recvonly", True, "sendonly"),
     ("inactive", False, "inactive")],
)  # fmt: skip
def test_hold_is_told_from_directions_and_mirrored(attribute: str, hears: bool, answer: str) -> None:
    media = parse(sdp(AUDIO, f"a={attribute}"))
    assert media.hears is hears
    assert f"a={answer}\r\n" in LOCAL.answer(media)


def test_hold_of_old_is_an_address_of_zeros() -> None:
    media = parse(sdp(AUDIO, connection="c=IN IP4 0.0.0.0"))
    assert media.address is None
    assert not media.hears


def test_every_line_of_an_offer_has_one_in_the_answer() -> None:
    offer = sdp("m=video 5000 RTP/AVP 96", AUDIO, "m=image 6000 udptl t38")
    answer = LOCAL.answer(parse(offer))
    lines = [line for line in answer.split("\r\n") if line.startswith("m=")]
    assert lines == ["m=video 0 RTP/AVP 96", "m=audio 16384 RTP/AVP 0", "m=image 0 udptl t38"]


def test_an_audio_line_that_was_refused_is_passed_over() -> None:
    assert parse(sdp("m=audio 0 RTP/AVP 8", "m=audio 4002 RTP/AVP 8")).port == 4_002


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\r\n",
        sdp("m=audio 40000 RTP/AVP 18"),
        sdp("m=audio 40000 RTP/SAVP 8"),
        sdp("m=audio 0 RTP/AVP 8"),
        sdp("m=audio 70000 RTP/AVP 8"),
        sdp("m=video 5000 RTP/AVP 8"),
        sdp(AUDIO, connection="c=IN IP4 far.example"),
        sdp(AUDIO, connection="c=IN IP4 224.0.0.1"),
        sdp(AUDIO, connection="c=IN IP4 255.255.255.255"),
        sdp(AUDIO, connection="c=IN IP6 192.0.2.9"),
        sdp(AUDIO, connection="t=1 1"),
        sdp(*["a=x"] * 300, AUDIO),
        sdp(AUDIO) + "a=" + "x" * 9_000,
    ],
)
def test_what_nothing_can_be_done_with_is_refused(text: str) -> None:
    with pytest.raises(SdpRefused):
        parse(text)


LINE = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"m=audio [0-9]{1,6} RTP/AVP( [0-9]{1,4}){0,6}", fullmatch=True),
    st.from_regex(r"c=IN IP[46] [0-9a-f.:]{0,20}", fullmatch=True),
    st.from_regex(r"a=rtpmap:[0-9]{1,4} telephone-event/8000", fullmatch=True),
    st.sampled_from(["a=sendonly", "a=inactive", "v=0", "m=video 1 RTP/AVP 96"]),
)


@given(st.lists(LINE, max_size=12).map("\r\n".join))
def test_any_description_is_read_or_refused_and_what_is_read_can_be_answered(text: str) -> None:
    try:
        media = parse(text)
    except SdpRefused:
        return
    assert 0 < media.port <= 65_535
    assert media.events is None or 0 <= media.events < 128
    assert parse(LOCAL.answer(media)).codec is media.codec
