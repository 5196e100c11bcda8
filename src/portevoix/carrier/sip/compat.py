"""sippy 2.5.0 as we use it: its messages, transactions and loop, with what had to be mended.

Each mend has its reason here and its test in ``tests/carrier/sip/test_compat.py``, and is ready to go upstream. No
other module of this package imports sippy.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
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
from sippy.SipAddress import SipAddress
from sippy.SipConf import SipConf
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipLogger import SipLogger
from sippy.SipRequest import SipRequest
from sippy.SipURL import SipURL
from sippy.SipVia import SipVia
from sippy.Time.Timeout import Timeout
from sippy.Udp_server import Udp_server, Udp_server_opts

from portevoix.carrier.sip import door
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
Again: TypeAlias = Callable[[Response], None]

PRODUCT = "Portevoix"
REMEMBERED_S = 32.0
"""How long further responses to an INVITE may come once it has its final one: 64 times T1 (RFC 6026, 8.4)."""

_TO_ANYBODY = (
    "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP anonymous.invalid;branch=z9hG4bK0\r\nFrom: <sip:anonymous.invalid>;tag=0"
    "\r\nTo: <sip:anonymous.invalid>\r\nCall-ID: 0\r\nCSeq: 1 OPTIONS\r\n\r\n"
)
_TRYING, _RINGING, _COMPLETED = _Transactions.TRYING, _Transactions.RINGING, _Transactions.COMPLETED


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


def can_be_target(uri: str) -> bool:
    """Tell whether a request to a URI can be written: sippy reads a blank within one, and cannot write it."""
    try:
        SipRequest(_TO_ANYBODY.format(uri=uri))
    except Exception:  # noqa: BLE001 - sippy's parsers raise whatever comes
        return False
    return True


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


def _blanks_in_parameters() -> None:
    """Read what may stand between blanks (RFC 3261, 25.1): ``SIP / 2.0 / UDP``, ``; branch = x``, ``; tag = x``."""
    if getattr(SipVia.parse, "is_mended", False):
        return
    parse_via, read_address = SipVia.parse, SipAddress.__init__

    def parse(via: Message) -> None:
        via.body = re.sub(r" ?([/;=]) ?", r"\1", " ".join(via.body.split()))
        parse_via(via)

    def read(address: Message, *arguments: object, **named: object) -> None:
        read_address(address, *arguments, **named)
        if any(name != name.strip() for name in address.params_order):
            params = {name.strip(): value and value.strip() for name, value in address.params.items()}
            address.params, address.params_order = params, list(params)

    parse.is_mended = True  # type: ignore[attr-defined]
    SipVia.parse, SipAddress.__init__ = parse, read


class _OneSender(Udp_server_opts):  # type: ignore[misc]
    """One thread that sends, so that an ACK cannot be overtaken by the BYE after it."""

    nworkers = 1


class _Endpoint(Udp_server):  # type: ignore[misc]
    """A socket that tells the address under which others see us, which is not the one it is bound to behind a NAT.

    What cannot be sent is not given to the thread that sends: a port above 65535, from a Via or a Contact, ended it,
    and no message left any more; a name it would look up while all others wait.
    """

    shown = ""
    counts: Counter[str]

    def getSIPaddr(self) -> tuple[tuple[str, int], str]:  # noqa: N802 - sippy's name
        """Tell what Via and Contact say."""
        return (wire_host(self.shown), self.uopts.laddress[1]), self.transport

    def send_to(self, data: str, address: tuple[str, int], delayed: bool = False) -> None:
        """Send where that can be done."""
        if _version(address) == (6 if self.uopts.family == socket.AF_INET6 else 4):
            super().send_to(data, address, delayed)
        else:
            self.counts["malformed"] += 1


class _Finished:
    """What is left of an INVITE's transaction once it has its final response.

    sippy forgot it at once: a 2xx of another fork was acknowledged by nobody (RFC 3261, 13.2.2.4).
    """

    compact = False  # as sippy asks of a transaction

    def __init__(self, is_accepted: bool, again: Again, acknowledge: Callable[[], None]) -> None:
        self.is_accepted = is_accepted
        self.again = again
        self.acknowledge = acknowledge

    def take(self, code: int, response: Response) -> None:
        """Take a further response."""
        if 200 <= code < 300:
            self.again(response)
        elif code >= 300 and not self.is_accepted:
            self.acknowledge()


class Transactions(_Transactions.SipTransactionManager):  # type: ignore[misc]
    """sippy's transactions, for known sources, with an ACK that leaves before what follows it.

    Args:
        settings: sippy's global configuration.
        on_request: answers requests outside a dialog: takes the request and its transaction.
        sources: who is answered.
        counts: takes ``strangers``, ``malformed`` and ``faults``.
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
        endpoint = type("Endpoint", (_Endpoint,), {"shown": shown, "counts": counts})
        self.model_udp_server = (endpoint, _OneSender)
        super().__init__(settings, on_request)

    @property
    def server(self) -> Endpoint:
        """The one socket."""
        (server,) = self.l4r.cache_l2s.values()
        return server

    def handleIncoming(self, data_in: bytes, ra: Source, server: Endpoint, rtime: Moment) -> None:  # noqa: N802 - sippy's name
        """Take a datagram: from a stranger it is dropped unread, and so is what is no SIP message."""
        if not self._sources.has(ra.address[0]):
            self._counts["strangers"] += 1
            return
        if not door.is_readable(data_in):
            self._counts["malformed"] += 1
            return
        try:
            super().handleIncoming(door.text_of(data_in), ra, server, rtime)
        except Exception:  # noqa: BLE001 - whatever the parser thinks of it, the loop goes on
            self._counts["malformed"] += 1

    def incomingRequest(self, msg: Request, checksum: bytes, tids: object, server: Endpoint) -> None:  # noqa: N802 - sippy's name
        """Take a request that may pass the door; the answer goes to where it came from, whatever its Via says.

        sippy kept what it failed at for ever, or for minutes.
        """
        msg.getHFBody("via").params["received"] = msg.getSource()[0]
        refusal = door.refusal(msg)
        if refusal is not None:
            self._counts["malformed"] += 1
            self._answer(msg, checksum, server, refusal)
            return
        try:
            super().incomingRequest(msg, checksum, tids, server)
        except Exception:  # noqa: BLE001 - a defect of ours: shown, and the loop goes on
            _fault(self._counts, "a request was not answered")
            transaction = self.tserver.pop(msg.getTId(wBRN=True), None)
            if transaction is not None and transaction.teE is not None:
                transaction.teE.cancel()
            self._answer(msg, checksum, server, door.Refusal(500, "Server Internal Error"))

    def _answer(self, request: Request, checksum: bytes, server: Endpoint, refusal: door.Refusal) -> None:
        if request.getMethod() == "ACK":
            return
        response = request.genResponse(refusal.code, refusal.reason, None, PRODUCT)
        response.sipver = "SIP/2.0"
        extend(response, refusal.headers, None)
        self.transmitMsg(server, response, request.getHFBody("via").getTAddr(), checksum)

    def incomingResponse(self, msg: Response, t: Transaction, checksum: bytes) -> None:  # noqa: N802 - sippy's name
        """Take a response; the ACK of a final one leaves first.

        sippy tells its user before it sends the ACK, so that an INVITE with credentials, or the BYE after a CANCEL that
        came too late, left before the ACK: strict peers drop both (RFC 3261, 17.1.1.3 and 13.2.2.4). And it sent the
        ACK of a refusal to the Contact of it, so that a redirection had us send to whom it named.
        """
        code = msg.getSCode()[0]
        if not door.is_sound(msg):
            self._counts["malformed"] += 1
        elif isinstance(t, _Finished):
            t.take(code, msg)
        elif t.needack and code >= 200 and t.state in (_TRYING, _RINGING):
            self._finish(msg, t, code)
        else:
            super().incomingResponse(msg, t, checksum)

    def _finish(self, response: Response, transaction: Transaction, code: int) -> None:
        """End an INVITE's transaction (RFC 6026, 7.2): who sent it acknowledges a 2xx, we what is none (17.1.1.3)."""
        for timer in (transaction.teA, transaction.teB):
            if timer is not None:
                timer.cancel()
        transaction.teA = transaction.teB = None
        transaction.state = _COMPLETED
        tid, told, server, address = transaction.tid, transaction.resp_cb, transaction.userv, transaction.address
        transaction.ack.getHFBody("to").setTag(response.getHFBody("to").getTag())
        ack = transaction.ack
        finished = _Finished(code < 300, transaction.again, lambda: self.transmitMsg(server, ack, address, None))
        self.tclient[tid] = finished
        Timeout(self.tclient.pop, REMEMBERED_S, 1, tid, None)
        transaction.cleanup()
        finished.again(response) if finished.is_accepted else finished.acknowledge()
        told(response, transaction)


def _version(address: tuple[str, int]) -> int:
    """Tell the IP version of an address that can be sent to; 0 for one that cannot."""
    try:
        numeric = ipaddress.ip_address(address[0].strip("[]"))
    except ValueError:
        return 0
    is_host = not (numeric.is_multicast or numeric.is_unspecified or str(numeric) == "255.255.255.255")
    return numeric.version if is_host and 0 < int(address[1]) <= 65_535 else 0


def reachable(address: tuple[str, int], known: tuple[str, int]) -> tuple[str, int]:
    """Tell where a Contact or Route leads: there; but to what is known where it is a name, or private behind a NAT.

    A name would be looked up while all others wait; a private address of theirs leads nowhere from here, nor does one
    of the other IP version.
    """
    if _version(address) in (0, 10 - _version(known)):
        return known
    numeric = ipaddress.ip_address(address[0].strip("[]"))
    if numeric.is_private and not ipaddress.ip_address(known[0].strip("[]")).is_private:
        return known
    return wire_host(str(numeric)), int(address[1])


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
        _blanks_in_parameters()
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
        return int(self.transactions.server.uopts.laddress[1])

    @property
    def here(self) -> str:
        """Host and port as Via and Contact tell them."""
        return f"{wire_host(self.shown)}:{self.port}"

    def _asked(self, request: Request, transaction: Transaction) -> Answer:
        return self.on_request(request, transaction)

    def send(self, request: Request, told: Told) -> Transaction:
        """Send a request in a transaction of its own; ``told`` is called with each response."""
        return self.transactions.newTransaction(request, resp_cb=self._guarded(told), cb_ifver=2)

    def _guarded(self, step: Callable[..., None]) -> Callable[..., None]:
        def guarded(*arguments: object) -> None:
            try:
                step(*arguments)
            except Exception:  # noqa: BLE001 - a defect of ours: shown, and the loop goes on
                _fault(self.counts, "a response was not taken")

        return guarded

    def invite(self, request: Request, told: Told, again: Again) -> Transaction:
        """Send an INVITE.

        Args:
            told: called with each response, but with no more than one 2xx.
            again: called with every 2xx, first of all: it acknowledges them.
        """
        transaction = self.send(request, told)
        transaction.again = self._guarded(again)
        transaction.ack.appendHeaders(request.getHFs("route"))  # (17.1.1.3)
        return transaction

    def cancel(self, transaction: Transaction) -> None:
        """Cancel an INVITE: once a provisional response has come (RFC 3261, 9.1). Until then it is not sent again.

        Its call may be on another way already: who comes to life again must not ring the phone.
        """
        if transaction.teA is not None:
            transaction.teA.cancel()
            transaction.teA = None
        self.transactions.cancelTransaction(transaction)

    def transmit(self, request: Request) -> None:
        """Send a request that has no transaction: the ACK of a 2xx."""
        self.transactions.transmitMsg(self.transactions.server, request, request.getTarget()[0], None)

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
        _fault(counts, message)

    _Transactions.dump_exception = count
    _Network.dump_exception = fault
    EventDispatcher.dump_exception = fault
    Exceptions.dump_exception = fault


def _fault(counts: Counter[str], message: str) -> None:
    counts["faults"] += 1
    sys.stderr.write(f"{message}\n{traceback.format_exc(limit=-6)}")
