"""Session descriptions (RFC 8866, RFC 3264): what we offer, and what we make of any answer.

G.711 alone: a message is stored as A-law and goes out bit by bit; µ-law is one table away.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

MOST_CHARACTERS = 8_192
MOST_LINES = 256
TELEPHONE_EVENT = 101
"""The dynamic payload type that we offer for keys (RFC 4733)."""

_MEDIA = re.compile(r"([a-z]{1,16}) (\d{1,5})(?:/\d{1,3})? (\S{1,32}) (\S.{0,512})", re.ASCII)
_CONNECTION = re.compile(r"IN IP([46]) ([0-9A-Fa-f.:]{2,45})", re.ASCII)
_RTPMAP = re.compile(r"rtpmap:(\d{1,3}) ([A-Za-z0-9_.-]{1,32})/(\d{1,6})(?:/1)?", re.ASCII)


class SdpRefused(Exception):
    """A description that we can do nothing with; says why. It is answered 488 (RFC 3261, 21.4.26)."""


class Codec(IntEnum):
    """What is spoken, by its payload type (RFC 3551, 6)."""

    PCMU = 0
    PCMA = 8


class Direction(StrEnum):
    """Who sends, as the one who says it sees it (RFC 3264, 6.1)."""

    BOTH = "sendrecv"
    SENDS = "sendonly"
    RECEIVES = "recvonly"
    NEITHER = "inactive"

    @property
    def mirrored(self) -> Direction:
        """As the other end sees it."""
        return {Direction.SENDS: Direction.RECEIVES, Direction.RECEIVES: Direction.SENDS}.get(self, self)


@dataclass(frozen=True, slots=True)
class Media:
    """What the far end wants.

    Args:
        address: where media go; ``None`` where it does not want any for now (hold as of RFC 2543: 0.0.0.0).
        codec: the first of ours in its list.
        codecs: all of ours in its list.
        events: its payload type for keys, where it has one.
        direction: as the far end sees it.
        refused: the other media lines, by their place, each as it is answered: with port 0.
        place: of the audio line.
    """

    address: str | None
    port: int
    codec: Codec
    events: int | None
    direction: Direction
    refused: tuple[str, ...] = ()
    place: int = 0
    codecs: tuple[Codec, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether we may send."""
        return self.address is not None and self.direction in (Direction.BOTH, Direction.RECEIVES)


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of the media.

    Args:
        address: as the far end reaches it.
        session: names the session (``o=``).
        version: of the description; grows when it changes.
    """

    address: str
    port: int
    session: int
    version: int = 1

    def offer(self) -> str:
        """Describe what we can do."""
        payloads = f"{Codec.PCMA} {Codec.PCMU} {TELEPHONE_EVENT}"
        maps = ["a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", *_events(TELEPHONE_EVENT)]
        return self._write([f"m=audio {self.port} RTP/AVP {payloads}", *maps, "a=ptime:20", "a=sendrecv"])

    def answer(self, media: Media) -> str:
        """Agree to what the far end offered: each of its lines has one in the answer (RFC 3264, 6)."""
        payloads = f"{media.codec:d}" if media.events is None else f"{media.codec:d} {media.events}"
        audio = [f"m=audio {self.port} RTP/AVP {payloads}", f"a=rtpmap:{media.codec:d} {media.codec.name}/8000"]
        audio += [] if media.events is None else _events(media.events)
        audio += ["a=ptime:20", f"a={media.direction.mirrored}"]
        lines = [[line] for line in media.refused]
        lines.insert(media.place, audio)
        return self._write([line for group in lines for line in group])

    def read(self, text: str) -> Media:
        """Read what the far end wants of this end. Raises SdpRefused, also where our socket cannot reach it."""
        media = parse(text)
        if media.address is not None and (":" in media.address) != (":" in self.address):
            raise SdpRefused("the address is of the other IP version")
        return media

    def _write(self, media: list[str]) -> str:
        kind = "IP6" if ":" in self.address else "IP4"
        session = [
            "v=0",
            f"o=- {self.session} {self.version} IN {kind} {self.address}",
            "s=-",
            f"c=IN {kind} {self.address}",
            "t=0 0",
        ]
        return "\r\n".join([*session, *media, ""])


def _events(payload: int) -> list[str]:
    return [f"a=rtpmap:{payload} telephone-event/8000", f"a=fmtp:{payload} 0-15"]


@dataclass(slots=True)
class _Section:
    """A media line with what follows it."""

    media: str
    connection: str | None
    attributes: list[str]


def parse(text: str) -> Media:
    """Read what the far end wants: its first audio line that is not refused. Raises SdpRefused."""
    if len(text) > MOST_CHARACTERS:
        raise SdpRefused("the description is too long")
    session, sections = _sections(text)
    lines = [_MEDIA.fullmatch(section.media) for section in sections]
    for place, (section, line) in enumerate(zip(sections, lines, strict=True)):
        if line and line[1] == "audio" and line[3] in ("RTP/AVP", "RTP/AVPF") and 0 < int(line[2]) <= 65_535:
            refused = [_refuse(one.media) for other, one in enumerate(sections) if other != place]
            return _media(section, line, session, tuple(refused), place)
    raise SdpRefused("there is no audio over plain RTP")


def _sections(text: str) -> tuple[_Section, list[_Section]]:
    """Cut a description into the session's part and each medium's."""
    rows = text.splitlines()
    if len(rows) > MOST_LINES:
        raise SdpRefused("the description has too many lines")
    session = here = _Section("", None, [])
    sections: list[_Section] = []
    for row in rows:
        kind, _, value = row.strip().partition("=")
        if kind == "m":
            here = _Section(value, None, [])
            sections.append(here)
        elif kind == "c":
            here.connection = value
        elif kind == "a":
            here.attributes.append(value)
    return session, sections


def _refuse(media: str) -> str:
    line = _MEDIA.fullmatch(media)
    if line is None:
        raise SdpRefused("a media line cannot be read")
    return f"m={line[1]} 0 {line[3]} {line[4]}"


def _media(section: _Section, line: re.Match[str], session: _Section, refused: tuple[str, ...], place: int) -> Media:
    payloads = [int(one) for one in line[4].split() if one.isascii() and one.isdigit() and len(one) <= 3]
    codecs = tuple(Codec(one) for one in payloads if one in (Codec.PCMA, Codec.PCMU))
    if not codecs:
        raise SdpRefused("there is neither PCMA nor PCMU")
    maps = [match for one in section.attributes if (match := _RTPMAP.fullmatch(one))]
    events = next(
        (int(one[1]) for one in maps if one[2].lower() == "telephone-event" and one[3] == "8000" and int(one[1]) < 128),
        None,
    )
    directions = [one for one in (*section.attributes, *session.attributes) if one in set(Direction)]
    return Media(
        address=_address(section.connection or session.connection),
        port=int(line[2]),
        codec=codecs[0],
        events=events if events in payloads else None,
        direction=Direction(directions[0]) if directions else Direction.BOTH,
        refused=refused,
        place=place,
        codecs=codecs,
    )


def _address(connection: str | None) -> str | None:
    found = _CONNECTION.fullmatch(connection or "")
    if found is None:  # a host name, too: looking one up would let the far end keep us waiting
        raise SdpRefused("there is no numeric address to send to")
    try:
        address = ipaddress.ip_address(found[2])
    except ValueError as error:
        raise SdpRefused("the address cannot be read") from error
    if address.version != int(found[1]) or address.is_multicast or str(address) == "255.255.255.255":
        raise SdpRefused("the address is not one of a single host")
    return None if address.is_unspecified else str(address)
