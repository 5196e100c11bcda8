"""The far side of a trunk for a whole server: SIPps that play scenarios, behind what answers OPTIONS for them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from tests.carrier.sip.trunk import HERE, Sipp, Tape, sipp, tape

_INVITE = re.compile(rb"INVITE sip:([^@;>\s]+)@.*?^Call-ID: *(\S+)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_KEPT = ("via:", "from:", "to:", "call-id:", "cseq:")


class Gate(asyncio.DatagramProtocol):
    """Answers OPTIONS, as an operator's proxy does, and passes all else on to a SIPp, which would take it for a call.

    Args:
        peer: the SIPp's port.
    """

    def __init__(self, peer: int) -> None:
        self._peer = (HERE, peer)
        self._caller: tuple[str | Any, int] | None = None
        self._transport: asyncio.DatagramTransport
        self._asked: dict[bytes, str] = {}
        self.is_called = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        if source == self._peer:
            self._transport.sendto(data, self._caller)
        elif data.startswith(b"OPTIONS "):
            lines = data.decode().split("\r\n")
            kept = [line for line in lines if line.lower().startswith(_KEPT)]
            self._transport.sendto("\r\n".join(["SIP/2.0 200 OK", *kept, "", ""]).encode(), source)
        else:
            self._caller = source
            if invite := _INVITE.match(data):
                self._asked[invite[2]] = invite[1].decode()  # sent again, it is the same
                self.is_called.set()
            self._transport.sendto(data, self._peer)

    @property
    def port(self) -> int:
        """Where the trunk leads."""
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def calls(self) -> Counter[str]:
        """Count the calls that were begun to each number."""
        return Counter(self._asked.values())

    def close(self) -> None:
        """Take nothing any more."""
        self._transport.close()


class FarEnd:
    """One trunk's far side.

    Args:
        gate: where the trunk leads.
        peer: what answers behind it.
        tape: takes its media, and can speak.
    """

    def __init__(self, gate: Gate, peer: Sipp, tape: Tape) -> None:
        self.gate = gate
        self.peer = peer
        self.tape = tape


@asynccontextmanager
async def far_end(scenario: str, folder: Path, *arguments: str, calls: int = 1) -> AsyncIterator[FarEnd]:
    """Run a SIPp that plays a scenario for so many calls, with what a trunk needs in front of it.

    Args:
        folder: for its logs; it is made.
    """
    _make(folder)
    async with AsyncExitStack() as stack:
        heard = await stack.enter_async_context(tape())
        peer = await stack.enter_async_context(sipp(scenario, folder, *arguments, calls=calls, media=heard.port))
        made = asyncio.get_running_loop().create_datagram_endpoint(lambda: Gate(peer.port), local_addr=(HERE, 0))
        _, gate = await made
        stack.callback(gate.close)
        yield FarEnd(gate, peer, heard)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True)
