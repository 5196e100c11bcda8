"""The far end of many calls' media: takes every packet with the kernel's own time, and tells how they came.

python -m bench.far_end MESSAGE: prints its port, takes packets until its standard input is closed, prints what it
found as JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import sys
from array import array
from pathlib import Path

BUFFER_BYTES = 64 * 1_024 * 1_024
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
STAMP = struct.Struct("qq")
HEADER_BYTES, FRAME_BYTES, FRAME_MS = 12, 160, 20.0


class Heard:
    """What came of one call: when each packet came, and how many frames were those of the message."""

    __slots__ = ("exact", "first", "highest", "moments", "sequences")

    def __init__(self, first: int) -> None:
        self.first = first
        self.highest = 0
        self.exact = 0
        self.moments = array("d")
        self.sequences = array("l")


def main() -> None:
    """Take packets until there is nobody who wants to know."""
    message = Path(sys.argv[1]).read_bytes()
    frames = len(message) // FRAME_BYTES
    calls: dict[tuple[str, int], Heard] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, selectors.DefaultSelector() as selector:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        print(sock.getsockname()[1], flush=True)
        selector.register(sock, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while not any(key.fileobj is sys.stdin for key, _ in selector.select()):
            _take(sock, calls, message, frames)
        _take(sock, calls, message, frames)
    print(json.dumps(_sum_up(list(calls.values()), frames)))


def _take(sock: socket.socket, calls: dict[tuple[str, int], Heard], message: bytes, frames: int) -> None:
    while True:
        try:
            data, extra, _, source = sock.recvmsg(2_048, 64)
        except BlockingIOError:
            return
        if len(data) != HEADER_BYTES + FRAME_BYTES:
            continue
        seconds, nanoseconds = STAMP.unpack_from(extra[0][2])
        sequence = data[2] << 8 | data[3]
        heard = calls.get(source)
        if heard is None:
            heard = calls[source] = Heard(sequence)
        place = (sequence - heard.first) & 0xFFFF
        heard.moments.append(seconds * 1e3 + nanoseconds / 1e6)
        heard.sequences.append(place)
        heard.highest = max(heard.highest, place)
        if place < frames and data[HEADER_BYTES:] == message[place * FRAME_BYTES : (place + 1) * FRAME_BYTES]:
            heard.exact += 1


def _sum_up(calls: list[Heard], frames: int) -> dict[str, float]:
    late = sorted(
        abs(two - one - FRAME_MS) for call in calls for one, two in zip(call.moments, call.moments[1:], strict=False)
    )
    received = sum(len(call.moments) for call in calls)
    return {
        "calls": len(calls),
        "packets": received,
        "lost": sum(call.highest + 1 - len(set(call.sequences)) for call in calls),
        "exact": sum(call.exact == frames for call in calls),
        "p50_ms": late[len(late) // 2] if late else 0.0,
        "p99_ms": late[len(late) * 99 // 100] if late else 0.0,
    }


if __name__ == "__main__":
    main()
