"""Which format a file is, from its first bytes; never from its name, and never by FFmpeg's own guess.

FFmpeg's probe also answers with playlists (ffconcat, HLS, SDP, DASH) that make it open other files and
sockets. Here the demuxer is chosen from a short list of self-contained formats, and forced.
"""

from __future__ import annotations

from dataclasses import dataclass

from portevoix.domain.audio import AudioBroken, AudioUnsupported


@dataclass(frozen=True, slots=True)
class Container:
    """A file format that is taken.

    Args:
        name: for people.
        demuxer: FFmpeg's name for it.
        codecs: FFmpeg's names of the decoders that may be used inside it.
        options: what its demuxer is told.
    """

    name: str
    demuxer: str
    codecs: frozenset[str]
    options: tuple[tuple[str, str], ...] = ()


_AMR = frozenset({"amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb"})
_AAC = frozenset({"aac", "alac"})
_MPEG = frozenset({"mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float"})
_XIPH = frozenset({"flac", "libopus", "opus", "vorbis"})
_PCM = frozenset(
    {"adpcm_ima_wav", "adpcm_ms", "gsm_ms", "pcm_alaw", "pcm_f32le", "pcm_f64le", "pcm_mulaw", "pcm_s16be"}
    | {"pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_u8"}
)

# One packet holds 64 KB of samples instead of 4: fewer trips through Python.
WAV = Container("WAV", "wav", _PCM | _MPEG, (("max_size", "65536"),))
MP3 = Container("MP3", "mp3", _MPEG)
OGG = Container("OGG", "ogg", _XIPH)
FLAC = Container("FLAC", "flac", frozenset({"flac"}))
# Data references ("drefs") point to other files.
MP4 = Container("MP4", "mov,mp4,m4a,3gp,3g2,mj2", _AAC | _AMR | _MPEG | _XIPH, (("enable_drefs", "0"),))
ADTS = Container("AAC", "aac", _AAC)
WEBM = Container("WebM", "matroska,webm", _XIPH | _AAC)
AMR = Container("AMR", "amr", _AMR)

_ID3_HEADER_BYTES = 10


def sniff(data: bytes) -> Container:
    """Tell the format of a file from its magic bytes.

    Raises:
        AudioUnsupported: none of the formats that are taken.
        AudioBroken: an ID3 tag claims to be larger than the file.
    """
    head = data[:16]
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        return WAV
    if head[:4] == b"OggS":
        return OGG
    if head[:4] == b"fLaC":
        return FLAC
    if head[4:8] == b"ftyp":
        return MP4
    if head[:4] == b"\x1aE\xdf\xa3":
        return WEBM
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return AMR
    if head[:3] == b"ID3":
        return _behind_id3(data)
    return _elementary(head)


def _behind_id3(data: bytes) -> Container:
    """Look behind an ID3v2 tag, whose size is four bytes of seven bits (ID3v2.4.0, section 3.1)."""
    if len(data) < _ID3_HEADER_BYTES or any(byte & 0x80 for byte in data[6:10]):
        raise AudioBroken("the ID3 tag is damaged")
    size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
    audio = data[_ID3_HEADER_BYTES + size :][:4]
    if not audio:
        raise AudioBroken("the ID3 tag claims to be larger than the file")
    if audio == b"fLaC":
        return FLAC
    return ADTS if _is_adts(audio) else MP3


def _elementary(head: bytes) -> Container:
    """Tell bare AAC (ADTS) and MPEG audio by their sync words."""
    if _is_adts(head):
        return ADTS
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return MP3
    raise AudioUnsupported("not an audio file of a format that is taken")


def _is_adts(head: bytes) -> bool:
    """Twelve bits of sync, then layer 0, which MPEG audio never has (ISO/IEC 13818-7, 6.2)."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
