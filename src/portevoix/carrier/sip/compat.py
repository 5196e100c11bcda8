"""sippy 2.5.0 as we use it: its messages, transactions and loop, with what had to be mended.

Each mend has its reason here and its test in ``tests/carrier/sip/test_compat.py``, and is ready to go upstream. No
other module of this package imports sippy.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

os.environ.setdefault("SIPLOG_BEND", "none")  # it would write every message to standard error

from sippy import Network_server as _Network
from sippy import SipTransactionManager as _Transactions
from sippy.Core import EventDispatcher, Exceptions
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipConf import SipConf
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipLogger import SipLogger
from sippy.SipRequest import SipRequest
from sippy.SipURL import SipURL
from sippy.Time.Timeout import Timeout
from sippy.Udp_server import Udp_server, Udp_server_opts

from portevoix.carrier.sip.sources import Sources

Request: TypeAlias = Any
Response: TypeAlias = Any
Message: TypeAlias = Any
Transaction: TypeAlias = Any
Timer: TypeAlias = Any
Url: TypeAlias = Any
Source: TypeAlias = Any
Endpoint: TypeAlias = Any
Moment: TypeAlias = Any
Answer: TypeAlias = Any
"""What a request is answered with, as sippy takes it: a response and two callbacks, or ``None``."""
Asked: TypeAlias = Callable[[Request, Transaction], Answer]
Told: TypeAlias = Callable[[Response, Transaction], None]

PRODUCT = "Portevoix"
MOST_BYTES = 16_384
"""A SIP message over UDP that is longer was not made to be understood."""

_TRYING, _RINGING = _Transactions.TRYING, _Transactions.RINGING


def wire_host(address: str) -> str:
    """Write an address as URIs and sippy have it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def write(lines: Sequence[str], hop: tuple[str, int], body: str | None = None) -> Request:
    """Make a request of its start line and headers.

    Args:
        hop: where it is sent.
    """
    told = [] if body is None else ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    request = SipRequest("\r\n".join([*lines, *told, "", body or ""]))
    request.setTarget((hop, "udp"))
    return request


def extend(response: Response, headers: Sequence[tuple[str, str]], body: str | None) -> None:
    """Give a response further headers and a description."""
    response.appendHeaders([SipHeader(f"{name}: {value}") for name, value in headers])
    if body is not None:
        response.setBody(MsgBody(body))


def is_local(response: Response) -> bool:
    """Tell whether a response is the transaction layer's own 408, made when nothing came."""
    return response.source is None


def _lower_case_transport() -> None:
    """Compare transports whatever their case (RFC 3261, 7.3.1): ``;transport=UDP`` in a Contact made our BYE raise."""
    if getattr(SipURL.getTAddr, "is_mended", False):
        return
    original = SipURL.getTAddr

    def get_target_address(url: Url) -> tuple[tuple[str, int], str]:
        address, transport = original(url)
        return address, str(transport).lower()

    get_target_address.is_mended = True  # type: ignore[attr-defined]
    SipURL.getTAddr = get_target_address


def _title_case_headers() -> None:
    """Write headers that sippy does not know as their RFCs do: ``Session-Expires``, where it wrote ``Session-expires``.

    Their case means nothing (RFC 3261, 7.3.1); there are operators' machines to which it does.
    """

    def get_canonical_name(header: Message, name: str, compact: bool = False) -> str:
        return "-".join(part.upper() if part == "se" else part.capitalize() for part in name.split("-"))

    SipGenericHF.getCanName = get_canonical_name


class _OneSender(Udp_server_opts):  # type: ignore[misc]
    """One thread that sends, so that an ACK cannot be overtaken by the BYE after it."""

    nworkers = 1


class _Endpoint(Udp_server):  # type: ignore[misc]
    """A socket that tells the address under which others see us, which is not the one it is bound to behind a NAT."""

    shown = ""

    def getSIPaddr(self) -> tuple[tuple[str, int], str]:  # noqa: N802 - sippy's name
        """Tell what Via and Contact say."""
        return (wire_host(self.shown), self.uopts.laddress[1]), self.transport


class Transactions(_Transactions.SipTransactionManager):  # type: ignore[misc]
    """sippy's transactions, for known sources, with an ACK that leaves before what follows it.

    Args:
        settings: sippy's global configuration.
        on_request: answers requests outside a dialog: takes the request and its transaction.
        sources: who is answered.
        counts: takes ``strangers`` and ``malformed``.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        on_request: Asked,
        sources: Sources,
        counts: Counter[str],
        shown: str,
    ) -> None:
        self._sources = sources
        self._counts = counts
        endpoint = type("Endpoint", (_Endpoint,), {"shown": shown})
        self.model_udp_server = (endpoint, _OneSender)
        super().__init__(settings, on_request)

    @property
    def port(self) -> int:
        """The port that the socket is bound to."""
        (server,) = self.l4r.cache_l2s.values()
        return int(server.uopts.laddress[1])

    def handleIncoming(self, data_in: bytes, ra: Source, server: Endpoint, rtime: Moment) -> None:  # noqa: N802 - sippy's name
        """Take a datagram: from a stranger it is dropped unread, and so is what is no SIP message."""
        if not self._sources.has(ra.address[0]):
            self._counts["strangers"] += 1
            return
        if len(data_in) > MOST_BYTES:
            self._counts["malformed"] += 1
            return
        try:
            super().handleIncoming(data_in, ra, server, rtime)
        except Exception:  # noqa: BLE001 - whatever the parser thinks of it, the loop goes on
            self._counts["malformed"] += 1

    def incomingResponse(self, msg: Response, t: Transaction, checksum: bytes) -> None:  # noqa: N802 - sippy's name
        """Take a response; the ACK of a final one leaves first.

        sippy tells its user before it sends the ACK, so that an INVITE with credentials, or the BYE after a CANCEL that
        came too late, left before the ACK: strict peers drop both (RFC 3261, 17.1.1.3 and 13.2.2.4).
        """
        told, is_final = t.resp_cb, msg.getSCode()[0] >= 200
        if not (t.needack and told is not None and is_final and t.state in (_TRYING, _RINGING)):
            super().incomingResponse(msg, t, checksum)
            return
        version, t.resp_cb = t.cb_ifver, None
        super().incomingResponse(msg, t, checksum)
        if version == 1:
            told(msg)
        else:
            told(msg, t)

    def transmitReq(  # noqa: N802 - sippy's name
        self, t: Transaction, msg: Response, address: tuple[str, int], *rest: object, **named: object
    ) -> None:
        """Send the ACK of a 2xx where the requests after it will go."""
        super().transmitReq(t, msg, reachable(address, t.address), *rest, **named)


def reachable(address: tuple[str, int], known: tuple[str, int]) -> tuple[str, int]:
    """Tell where a Contact or Route leads: there; but to what is known where it is a name, or private behind a NAT.

    A name would be looked up while all others wait; a private address of theirs leads nowhere from here.
    """
    try:
        numeric = ipaddress.ip_address(address[0].strip("[]"))
    except ValueError:
        return known
    if numeric.is_private and not ipaddress.ip_address(known[0].strip("[]")).is_private:
        return known
    return address[0], int(address[1])


class Stack:
    """sippy's loop and transactions on one socket. To be made, and run, in one and the same thread.

    Args:
        bind, port: of the socket; port 0 for any.
        shown: the address that others see us at.
        sources: who is answered.
        counts: takes ``strangers``, ``malformed`` and ``faults``.
    """

    def __init__(self, bind: str, port: int, shown: str, sources: Sources, counts: Counter[str]) -> None:
        _lower_case_transport()
        _title_case_headers()
        SipConf.my_uaname = PRODUCT
        self.counts = counts
        self.shown = shown
        self.on_request: Asked = lambda request, transaction: None
        self._thread = threading.get_ident()
        _silence(counts)
        ED2.my_ident = self._thread  # whoever imported it first
        settings: dict[str, Any] = {"_sip_address": wire_host(bind), "_sip_port": port}
        settings["_sip_logger"] = SipLogger(PRODUCT)
        self.transactions = Transactions(settings, self._asked, sources, counts, shown)
        settings["_sip_tm"] = self.transactions

    @property
    def port(self) -> int:
        """The port that we listen on."""
        return self.transactions.port

    @property
    def here(self) -> str:
        """Host and port as Via and Contact tell them."""
        return f"{wire_host(self.shown)}:{self.port}"

    def _asked(self, request: Request, transaction: Transaction) -> Answer:
        return self.on_request(request, transaction)

    def send(self, request: Request, told: Told | None) -> Transaction:
        """Send a request in a transaction of its own; ``told`` is called with each response."""
        return self.transactions.newTransaction(request, resp_cb=told, cb_ifver=2)

    def soon(self, step: Callable[..., None], *arguments: object) -> None:
        """Have something done by the loop; from any thread."""
        ED2.callFromThread(step, *arguments)

    def after(self, seconds: float, step: Callable[..., None], *arguments: object) -> Timer:
        """Have something done later; returns what ``cancel()`` takes back."""
        return Timeout(step, max(seconds, 0.0), 1, *arguments)

    def run(self) -> None:
        """Run until ``stop``."""
        ED2.loop(freq=200.0)

    def stop(self) -> None:
        """End the loop; from any thread."""
        ED2.callFromThread(ED2.breakLoop)

    def close(self) -> None:
        """Close the socket."""
        self.transactions.shutdown()


def _silence(counts: Counter[str]) -> None:
    """Count what sippy would print at length: a flood of bad messages must not fill a disk."""

    def count(*_: object, **__: object) -> None:
        counts["malformed"] += 1

    def fault(message: str, *_: object, **__: object) -> None:
        counts["faults"] += 1
        sys.stderr.write(f"{message}\n{traceback.format_exc(limit=-6)}")

    _Transactions.dump_exception = count
    _Network.dump_exception = fault
    EventDispatcher.dump_exception = fault
    Exceptions.dump_exception = fault
