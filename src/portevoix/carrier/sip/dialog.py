"""A dialog (RFC 3261, 12): who speaks to whom, under which tags and numbers, and the requests in it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portevoix.carrier.sip.compat import (
    PRODUCT,
    Message,
    Request,
    Response,
    Stack,
    Transaction,
    can_be_target,
    extend,
    reachable,
    wire_host,
    write,
)
from portevoix.carrier.sip.wire import Peer

ALLOW = "INVITE, ACK, BYE, CANCEL, UPDATE, INFO, OPTIONS"
"""What we take in a dialog; REFER is refused by 603, everything else by 405 or 501."""
MOST_FORKS = 16
"""Phones that may answer one INVITE, and early dialogs that it may have."""
MOST_ROUTES = 32
"""Proxies between us and a far end; with more of them no request would fit into a datagram."""

_STALE = re.compile(r'\bstale\s*=\s*"?true\b', re.IGNORECASE)

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls whom.

    Args:
        user: whom, the user part of the URI.
        caller: who, as shown; ``None`` for anonymous (RFC 3323).
        is_asserted: whether P-Asserted-Identity (RFC 3325) bears it too.
    """

    peer: Peer
    user: str
    caller: str | None
    is_asserted: bool = False

    @property
    def host(self) -> str:
        """The trunk's host as URIs have it."""
        return wire_host(self.peer.host)

    @property
    def sender(self) -> str:
        """The From header without its tag."""
        if self.caller is None:
            return '"Anonymous" <sip:anonymous@anonymous.invalid>'
        return f"<sip:{self.caller}@{self.host}>"

    def headers(self) -> Headers:
        """List what the INVITE tells of the caller besides From."""
        if self.caller is None:
            return [("Privacy", "id")]
        return [("P-Asserted-Identity", f"<sip:{self.caller}@{self.host}>")] if self.is_asserted else []


class Dialog:
    """One dialog that we began.

    Args:
        stack: whose socket it is on.
        identity: who calls whom.
        address: numeric, where the first request goes.
    """

    def __init__(self, stack: Stack, identity: Identity, address: str) -> None:
        self._stack = stack
        self._identity = identity
        self.call_id = secrets.token_hex(16)
        self.tag = secrets.token_hex(8)
        self.number = secrets.randbelow(10_000) + 1
        self._remote_numbers: dict[str | None, int] = {}  # one for all copies: each tag's dialog goes on in one of them
        self._remote_tag: str | None = None
        self._routes: list[str] = []
        self._is_loose = True
        self._hop: tuple[str, int] = (wire_host(address), identity.peer.port)
        port = "" if identity.peer.port == 5060 else f":{identity.peer.port}"
        self.target = self._to = f"sip:{identity.user}@{identity.host}{port}"

    @property
    def contact(self) -> str:
        """Our Contact."""
        return f"<sip:{PRODUCT.lower()}@{self._stack.here}>"

    def redirect(self, target: str, address: str, port: int) -> None:
        """Begin anew towards another place."""
        self.target = target
        self._hop = (wire_host(address), port)

    @property
    def hop(self) -> str:
        """The address that the next request goes to, numeric."""
        return self._hop[0].strip("[]")

    def request(
        self, method: str, headers: Headers = (), body: str | None = None, number: int | None = None
    ) -> Request:
        """Write the next request; or one with the ``number`` of another, which an ACK has.

        A first proxy that routes strictly, as of RFC 2543, is the target itself (RFC 3261, 12.2.1.1).
        """
        target, routes = self.target, self._routes
        if not self._is_loose:
            target, routes = _uri(routes[0]), [*routes[1:], f"<{target}>"]
        to = f"<{self._to}>" if self._remote_tag is None else f"<{self._to}>;tag={self._remote_tag}"
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._stack.here};branch=z9hG4bK{secrets.token_hex(10)};rport",
            *(f"Route: {route}" for route in routes),
            "Max-Forwards: 70",
            f"From: {self._identity.sender};tag={self.tag}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.number if number is None else number} {method}",
            f"Contact: {self.contact}",
            f"User-Agent: {PRODUCT}",
            f"Allow: {ALLOW}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if number is None:
            self.number += 1
        return write(lines, self._hop, body)

    def establish(self, response: Response) -> None:
        """Take the far end's tag, route set and target from a response (12.1.2).

        A route set that no request can be written with counts as none.
        """
        self._remote_tag = response.getHFBody("to").getTag()
        routes = response.getHFBodys("record-route")[::-1]
        told = [str(one.body).strip() for one in routes]  # as they came: what a proxy wrote is its own business
        told = [one if "<" in one else f"<{one}>" for one in told]
        if len(routes) > MOST_ROUTES or not all(can_be_target(_uri(one)) for one in told):
            routes, told = [], []
        self._routes = told
        self._is_loose = not routes or is_loose(_uri(told[0]))
        source = response.getSource()
        self.refresh_target(response, source)
        if routes:
            self._hop = reachable(routes[0].getUrl().getAddr(), source)

    def refresh_target(self, message: Message, source: tuple[str, int]) -> None:
        """Take the far end's Contact, where there is one that requests can be written to (12.2.1.2)."""
        if not message.countHFs("contact") or message.getHFBody("contact").asterisk:
            return
        url = message.getHFBody("contact").getUrl()
        if not can_be_target(str(url)):
            return
        self.target = str(url)
        if not self._routes:
            self._hop = reachable(url.getAddr(), source)

    @property
    def is_established(self) -> bool:
        """Whether the far end has answered by a 2xx."""
        return self._remote_tag is not None

    def is_ours(self, request: Request) -> bool:
        """Tell whether a request is of this dialog."""
        if str(request.getHFBody("call-id")) != self.call_id or request.getHFBody("to").getTag() != self.tag:
            return False
        return self._remote_tag is None or request.getHFBody("from").getTag() == self._remote_tag

    def is_in_order(self, request: Request) -> bool:
        """Take a request's number; tells whether it is higher than those before it of the same dialog (12.2.2).

        Before the answer there may be several dialogs: each phone that rings has its own, under a tag of its own.
        """
        number, tag = int(request.getHFBody("cseq").getCSeqNum()), request.getHFBody("from").getTag()
        last = self._remote_numbers.get(tag)
        if (last is not None and number <= last) or (last is None and len(self._remote_numbers) >= MOST_FORKS):
            return False
        self._remote_numbers[tag] = number
        return True

    def response(
        self, request: Request, code: int, reason: str, headers: Headers = (), body: str | None = None
    ) -> Response:
        """Write a response to a request of this dialog."""
        answer = request.genResponse(code, reason, None, PRODUCT)
        named = [("Allow", ALLOW), *headers]
        if request.getMethod() in ("INVITE", "UPDATE") and code < 300:
            named.append(("Contact", self.contact))
        extend(answer, named, body)
        return answer


def _uri(route: str) -> str:
    return route.partition("<")[2].partition(">")[0]


def is_loose(uri: str) -> bool:
    """Tell whether a proxy routes loosely: its URI bears ``lr`` (19.1.1)."""
    return any(one.partition("=")[0].lower() == "lr" for one in uri.partition("?")[0].split(";")[1:])


def hang_up(stack: Stack, dialog: Dialog, peer: Peer, on_done: Callable[[], None] = lambda: None) -> None:
    """End a dialog by BYE.

    Args:
        peer: whose credentials answer a challenge.
        on_done: called when that is answered, or nothing ever came.
    """

    def say(authorised: tuple[str, str] | None) -> None:
        bye = dialog.request("BYE", [] if authorised is None else [authorised])

        def told(response: Response, _: Transaction) -> None:
            code = response.getSCode()[0]
            answer = authorise(bye, response, peer) if code in (401, 407) and authorised is None else None
            if answer is not None:
                say(answer)
            elif code >= 200:
                on_done()

        stack.send(bye, told)

    say(None)


def is_stale(response: Response) -> bool:
    """Tell whether a challenge comes because the nonce before it was too old (RFC 7616, 3.3)."""
    challenges = [*response.getHFs("www-authenticate"), *response.getHFs("proxy-authenticate")]
    return any(_STALE.search(str(one)) for one in challenges)


def authorise(request: Request, response: Response, peer: Peer) -> tuple[str, str] | None:
    """Answer a 401's or 407's challenge for a request (RFC 3261, 22; RFC 8760).

    The first challenge counts whose algorithm we know: a server lists the one that it likes best first.

    Returns:
        The header to send the request again with; ``None`` where we know no answer.
    """
    if not peer.username:
        return None
    is_proxy = response.getSCode()[0] == 407
    for challenge in response.getHFBodys("proxy-authenticate" if is_proxy else "www-authenticate"):
        is_known, quality = challenge.supportedAlgorithm()
        if is_known:
            body = str(request.getBody()) if quality == "auth-int" and request.getBody() is not None else None
            uri = str(request.getRURI())
            answer = challenge.genAuthHF(peer.username, peer.password, request.getMethod(), uri, body, quality)
            return ("Proxy-Authorization" if is_proxy else "Authorization", str(answer))
    return None
