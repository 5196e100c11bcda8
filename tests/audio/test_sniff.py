"""A file is what its first bytes say; playlists and the like are nothing."""

import pytest
from recordings import FORMATS, in_format

from portevoix.audio.sniff import ADTS, FLAC, MP3, sniff
from portevoix.domain.audio import AudioBroken, AudioUnsupported

ID3_OF_10_BYTES = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_each_format_is_told_by_its_first_bytes(form):
    assert sniff(in_format("chirp", form)).name == form.container


@pytest.mark.parametrize(
    ("audio", "container"), [(b"\xff\xfb\x90\x00", MP3), (b"\xff\xf1\x50\x80", ADTS), (b"fLaC", FLAC)]
)
def test_what_is_behind_an_id3_tag_counts(audio, container):
    assert sniff(ID3_OF_10_BYTES + audio) is container


@pytest.mark.parametrize(
    "data",
    [
        b"ID3\x04\x00\x00\x2f\x5f\x5e\x00" + bytes(500),  # claims 100 MB
        b"ID3\x04\x00\x00\xff\xff\xff\xff" + bytes(500),
        b"ID3\x04",
    ],
)
def test_an_id3_tag_that_lies_is_refused(data):
    with pytest.raises(AudioBroken):
        sniff(data)


@pytest.mark.parametrize(
    "data",
    [
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
        b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/a.ts\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"PK\x03\x04" + bytes(100),
        b"%PDF-1.7",
        b"RIFF\x24\x00\x00\x00AVI LIST",
        b"Bonjour, ceci est un texte.",
        b"\xff",
        b"\x00" * 64,
    ],
    ids=["ffconcat", "sdp", "hls", "dash", "zip", "pdf", "avi", "text", "byte", "zeros"],
)
def test_anything_else_is_not_taken(data):
    with pytest.raises(AudioUnsupported):
        sniff(data)
