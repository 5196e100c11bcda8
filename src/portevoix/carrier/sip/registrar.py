"""Telling a trunk where we are (REGISTER, RFC 3261, 10), for those that want to know."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import quote

from portevoix.carrier.sip.compat import (
    PRODUCT,
    Request,
    Response,
    Stack,
    Timer,
    Transaction,
    is_local,
    wire_host,
    write,
)
from portevoix.carrier.sip.dialog import authorise, is_stale
from portevoix.carrier.sip.wire import FromProcess, Peer, Registration

FAILED_S = 30.0
"""How long to wait after a refusal, or silence."""
MOST_CHALLENGES = 2
"""One, and one whose nonce was too old; a registrar for which it always is would be asked without end."""


class Registrar:
    """Keeps one trunk registered.

    Args:
        tell: told what came of each attempt.
        expires_s: what is asked for.
    """

    def __init__(self, stack: Stack, peer: Peer, expires_s: int, tell: Callable[[FromProcess], None]) -> None:
        self._stack = stack
        self._peer = peer
        self._expires_s = expires_s
        self._tell = tell
        self._call_id = secrets.token_hex(16)
        self._tag = secrets.token_hex(8)
        self._number = 0
        self._timer: Timer = None
        self._is_over = False

    def start(self) -> None:
        """Register, and again before it expires."""
        if not self._is_over:
            self._send(self._expires_s)

    def stop(self) -> None:
        """Register no more, and take back what is (10.2.2)."""
        if not self._is_over:
            self._is_over = True
            if self._timer is not None:
                self._timer.cancel()
            self._send(0)

    def _send(self, expires_s: int, authorised: tuple[str, str] | None = None, left: int = MOST_CHALLENGES) -> None:
        self._number += 1
        request = self._request(expires_s, authorised)

        def told(response: Response, _: Transaction) -> None:
            code, reason = response.getSCode()
            if code < 200:
                return
            if code in (401, 407) and left and (authorised is None or is_stale(response)):
                answer = authorise(request, response, self._peer)
                if answer is not None:
                    self._send(expires_s, answer, left - 1)
                    return
            if not self._is_over:
                self._settle(0 if is_local(response) else code, reason, _granted_s(response, expires_s))

        self._stack.send(request, told)

    def _settle(self, code: int, reason: str, granted_s: int) -> None:
        is_done = 200 <= code < 300
        message: FromProcess = Registration(self._peer.id, code, reason, granted_s if is_done else 0)
        self._tell(message)
        self._timer = self._stack.after(max(granted_s / 2, 1.0) if is_done else FAILED_S, self.start)

    def _request(self, expires_s: int, authorised: tuple[str, str] | None) -> Request:
        peer, host = self._peer, wire_host(self._peer.host)
        user = quote(peer.username, safe="-_.!~*'()&=+$,;?/")
        where = f"<sip:{user}@{host}>"
        lines = [
            f"REGISTER sip:{host} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._stack.here};branch=z9hG4bK{secrets.token_hex(10)};rport",
            "Max-Forwards: 70",
            f"From: {where};tag={self._tag}",
            f"To: {where}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._number} REGISTER",
            f"Contact: <sip:{user}@{self._stack.here}>;expires={expires_s}",
            f"Expires: {expires_s}",
            f"User-Agent: {PRODUCT}",
        ]
        if authorised is not None:
            lines.append(": ".join(authorised))
        return write(lines, (wire_host(peer.addresses[0]), peer.port))


def _granted_s(response: Response, asked_s: int) -> int:
    """Tell for how long we are registered: of our Contact, else of all (10.2.4), else as asked."""
    for contact in response.getHFBodys("contact"):
        if not contact.asterisk:
            told = str(contact.address.params.get("expires") or "")
            if told.isdecimal():
                return int(told[:9])
    if response.countHFs("expires"):
        return int(response.getHFBody("expires").getNum())
    return asked_s
