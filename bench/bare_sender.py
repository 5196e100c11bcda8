"""A sender of RTP and nothing else: what frames can be sent at best, by Python on this machine.

python -m bench.bare_sender PORT CALLS MESSAGE: sends the message that often at once; prints the CPU seconds it took.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from pathlib import Path

HEADER = struct.Struct("!BBHII")
SLOTS, FRAME_S, FRAME_BYTES = 10, 0.02, 160


def main() -> None:
    """Send."""
    port, calls = int(sys.argv[1]), int(sys.argv[2])
    message = Path(sys.argv[3]).read_bytes()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(calls)]
    slots = [sockets[place::SLOTS] for place in range(SLOTS)]
    frame, destination = bytearray(HEADER.size + FRAME_BYTES), ("127.0.0.1", port)
    deadline = time.monotonic()
    for place in range(len(message) // FRAME_BYTES):
        frame[HEADER.size :] = message[place * FRAME_BYTES : (place + 1) * FRAME_BYTES]
        for slot in slots:
            time.sleep(max(deadline - time.monotonic(), 0.0))
            for number, sock in enumerate(slot):
                HEADER.pack_into(frame, 0, 0x80, 8, place, place * FRAME_BYTES, number)
                sock.sendto(frame, destination)
            deadline += FRAME_S / SLOTS
    print(time.process_time())


if __name__ == "__main__":
    main()
