"""Files that are made to break a decoder: cut, flipped, spliced, lying; the same ones every time."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

import numpy as np
from recordings import FORMATS, encode, in_format, tone

_CUTS, _MUTATIONS = 40, 72


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Yield (what it is, the file)."""
    random = np.random.default_rng(20_260_101)
    seeds = {str(form): in_format("voice", form, 0.25) for form in FORMATS}
    for name, seed in seeds.items():
        yield from _cut(name, seed, random)
        yield from _mutated(name, seed, random)
    yield from _spliced(seeds, random)
    yield from _made_up()
    long = encode(tone(1.0, rate_hz=16_000), rate_hz=16_000)
    for kilobytes in range(len(long) // 1_024 + 1):
        yield f"cut at {kilobytes} KB", long[: kilobytes * 1_024]


def _cut(name: str, seed: bytes, random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    header = range(0, min(len(seed), 400), 20)
    rest = random.integers(0, len(seed), _CUTS - len(header))
    for length in (*header, *rest.tolist()):
        yield f"{name} cut at {length}", seed[:length]


def _mutated(name: str, seed: bytes, random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Flip bits, write extreme numbers, drop or double a stretch; in the header more than elsewhere."""
    for number in range(_MUTATIONS):
        data = bytearray(seed)
        region = min(len(data), 256) if number % 2 else len(data)
        for _ in range(int(random.integers(1, 12))):
            at = int(random.integers(0, region))
            match number % 4:
                case 0:
                    data[at] ^= 1 << int(random.integers(0, 8))
                case 1:
                    extreme = random.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x100])
                    data[at : at + 4] = int(extreme).to_bytes(4, "little" if at % 2 else "big")
                case 2:
                    del data[at : at + int(random.integers(1, 64))]
                    region = max(1, min(region, len(data)))
                case _:
                    data[at:at] = data[at : at + int(random.integers(1, 64))]
        # The magic bytes stay, so that a decoder gets to see it.
        yield f"{name} mutation {number}", seed[:12] + bytes(data[12:])


def _spliced(seeds: dict[str, bytes], random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """One format's beginning with another's end, and one inside another."""
    names = list(seeds)
    for one in names:
        other = names[int(random.integers(0, len(names)))]
        half = len(seeds[one]) // 2
        yield f"{one} then {other}", seeds[one][:half] + seeds[other]
        yield f"{other} in a WAV", wav_header(len(seeds[other])) + seeds[other]
        yield f"ID3 then {one}", b"ID3\x04\x00\x00\x00\x00\x00\x00" + seeds[one]


def wav_header(
    data_bytes: int,
    rate_hz: int = 8_000,
    channels: int = 1,
    bits: int = 16,
    tag: int = 1,
    block: int | None = None,
) -> bytes:
    """A WAV header, true or lying."""
    block = channels * bits // 8 if block is None else block
    fields = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    size = min(data_bytes + 36, 0xFFFFFFFF)
    return (
        b"RIFF"
        + struct.pack("<I", size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + fields
        + (b"data" + struct.pack("<I", data_bytes & 0xFFFFFFFF))
    )


def hours_of_opus(hours: int) -> bytes:
    """An OGG Opus file of empty frames: two bytes for 120 ms, so ten hours are under a megabyte."""
    # 48 kHz full band, six frames of 20 ms with nothing in them (RFC 6716, 3.1 and 3.2.5).
    packet = bytes([31 << 3 | 3, 6])
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    pages = [_ogg_page(2, 0, 0, [head]), _ogg_page(0, 0, 1, [tags])]
    packets = hours * 3_600 * 1_000 // 120
    for number in range(packets // 250):
        pages.append(_ogg_page(0, (number + 1) * 250 * 5_760, number + 2, [packet] * 250))
    return b"".join(pages)


def _ogg_page(flags: int, granule: int, number: int, packets: list[bytes]) -> bytes:
    """A page of whole packets (RFC 3533, section 6)."""
    lacing = bytes(len(packet) for packet in packets)
    header = b"OggS" + struct.pack("<BBQIIIB", 0, flags, granule, 1, number, 0, len(lacing)) + lacing
    page = header + b"".join(packets)
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _CRC[checksum >> 24 ^ byte]
    return page[:22] + struct.pack("<I", checksum) + page[26:]


def _crc_of(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


_CRC = [_crc_of(byte) for byte in range(256)]


def _made_up() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "text", b"Bonjour, ceci est un texte et rien d'autre. " * 50
    yield "ffconcat", b"ffconcat version 1.0\nfile /etc/passwd\n"
    yield "HLS", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"
    yield "SDP", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("zeros.wav", bytes(1_000_000))
    yield "ZIP", archive.getvalue()
    yield "MP3 with a tag of 100 MB", b"ID3\x04\x00\x00\x2f\x5f\x5e\x00" + bytes(5_000)
    yield "10 hours of silence in 1 MB", hours_of_opus(10)
    yield "10 hours of AMR without data", b"#!AMR\n" + b"\x7c" * 1_800_000
    for rate_hz in (0, 1, 3_999, 192_001, 0x7FFFFFFF, 0xFFFFFFFF):
        yield f"WAV of {rate_hz} Hz", wav_header(1_000, rate_hz) + bytes(1_000)
    for channels in (0, 9, 255, 65_535):
        yield f"WAV of {channels} channels", wav_header(1_000, channels=channels) + bytes(1_000)
    for bits in (0, 1, 7, 24, 64, 65_535):
        yield f"WAV of {bits} bits", wav_header(1_000, bits=bits) + bytes(1_000)
    for tag in (0, 2, 6, 7, 0x11, 0x31, 0x50, 0x55, 0xFF, 0x161, 0xFFFE, 0xFFFF):
        yield f"WAV of format {tag:#x}", wav_header(1_000, tag=tag) + bytes(range(250)) * 4
    for block in (0, 1, 65_535):
        yield f"WAV of block {block}", wav_header(1_000, block=block) + bytes(1_000)
    for size in (0, 1, 0xFFFFFFFF, 0x80000000):
        yield f"WAV of {size} bytes", wav_header(size) + bytes(1_000)
    for depth in (10, 300, 3_000):
        nested = b""
        for _ in range(depth):
            nested = struct.pack(">I", (len(nested) + 8) & 0xFFFFFFFF) + b"moov" + nested
        yield f"MP4 boxes {depth} deep", b"\x00\x00\x00\x10ftypM4A \x00\x00\x00\x00" + nested
    yield "EBML of endless size", b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" * 200
    yield "Ogg pages without end", (b"OggS" + bytes(22) + b"\xff" + b"\xff" * 255) * 20
