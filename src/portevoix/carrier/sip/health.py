"""Keeping a trunk in sight: OPTIONS now and then (RFC 3261, 11), and the REGISTER of those that want one.

Any response is a sign of life, also a refusal: many trunks answer OPTIONS by 404 or 405. Some never answer it at all,
and take calls: silence tells something of those alone that have answered before. It also keeps the way open that a NAT
has let us out by.
"""

from __future__ import annotations

import secrets
import time

from portevoix.carrier.sip.compat import PRODUCT, Request, Response, Timer, Transaction, is_local, wire_host, write
from portevoix.carrier.sip.registrar import Registrar
from portevoix.carrier.sip.session import Means
from portevoix.carrier.sip.wire import Health, Peer

SILENT_S = 8.0
"""How long a trunk may take to answer before it counts as dead; a later answer counts again."""


class Watched:
    """A trunk that is answered, and kept in sight.

    Args:
        asks: whether this process is the one that registers and sends OPTIONS.
    """

    def __init__(self, means: Means, peer: Peer, *, asks: bool) -> None:
        self._means = means
        self._peer = peer
        self._number = 0
        self._timer: Timer = None
        self._is_over = False
        self._has_answered = False
        self._registrar: Registrar | None = None
        means.sources.allow(peer.addresses)
        if asks:
            self._ask()
            if peer.registers:
                self._registrar = Registrar(means.stack, peer, means.terms.register_s, means.tell)
                self._registrar.start()

    def stop(self) -> None:
        """Let it go."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._registrar is not None:
            self._registrar.stop()
        self._means.sources.refuse(self._peer.addresses)

    def _ask(self) -> None:
        if self._is_over or not self._means.terms.options_every_s:
            return
        self._number += 1
        asked = time.monotonic()
        silence = self._means.stack.after(SILENT_S, self._silent, asked)

        def told(response: Response, _: Transaction) -> None:
            silence.cancel()
            code = response.getSCode()[0]
            if code >= 200 and not is_local(response):
                self._has_answered = True
                self._tell(code, asked)

        self._means.stack.send(self._request(), told)
        self._timer = self._means.stack.after(self._means.terms.options_every_s, self._ask)

    def _silent(self, asked: float) -> None:
        if self._has_answered:
            self._tell(0, asked)

    def _tell(self, code: int, asked: float) -> None:
        if not self._is_over:
            self._means.tell(Health(self._peer.id, code, round((time.monotonic() - asked) * 1_000, 1)))

    def _request(self) -> Request:
        here, peer, host = self._means.stack.here, self._peer, wire_host(self._peer.host)
        lines = [
            f"OPTIONS sip:{host} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{secrets.token_hex(10)};rport",
            "Max-Forwards: 70",
            f"From: <sip:{PRODUCT.lower()}@{here}>;tag={secrets.token_hex(8)}",
            f"To: <sip:{host}>",
            f"Call-ID: {secrets.token_hex(16)}",
            f"CSeq: {self._number} OPTIONS",
            f"Contact: <sip:{PRODUCT.lower()}@{here}>",
            "Accept: application/sdp",
            f"User-Agent: {PRODUCT}",
        ]
        return write(lines, (wire_host(peer.addresses[0]), peer.port))
