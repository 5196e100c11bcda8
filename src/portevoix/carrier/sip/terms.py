"""How a node's SIP side is set up."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from enum import StrEnum

from portevoix.audio.answering.terms import Terms
from portevoix.domain.errors import InvalidValue

ANALYSER = "portevoix.audio.answering.analyser:Analyser"
"""What knows people from machines; a name, because native code has no place in this room."""

MOST_RECORDED_S = 30


class SipTermsInvalid(InvalidValue):
    """The SIP side cannot be set up as described."""

    code = "sip_terms_invalid"


class Answering(StrEnum):
    """When a voice SMS begins to play."""

    AT_ONCE = "at_once"
    AFTER_WORD = "after_word"  # after the first word's end, or two seconds


@dataclass(frozen=True, slots=True)
class SipTerms:
    """How a node's SIP side is set up.

    Args:
        bind: the address that sockets are bound to.
        public: the address that others see us at, where it is another (NAT); ``None`` for ``bind``.
        port: SIP port of the first process, the next ones follow; 0 for any.
        rtp_ports: first and last port for media, shared out among the processes; an even one and the next a call.
        processes: how many; 0 for one a core.
        ring_timeout_s: how long a phone rings before the call is given up.
        trying_timeout_s: how long a trunk may say nothing at all to an INVITE before it counts as dead.
        answering: when a voice SMS begins to play.
        tail_ms: silence between a message's last sample and BYE.
        session_s: the session interval that is asked for (RFC 4028).
        redirects_most: redirections (3xx) that one call follows.
        options_every_s: seconds between two OPTIONS to a trunk; 0 for none.
        register_s: the expiry that a REGISTER asks for.
        analyser: ``module:name`` of what makes an answering-machine analyser; empty for none, and no deposits.
        amd: what it judges by.
        record_s: seconds of what the far end says that are kept from the answer on, for proof; 0 for none.

    Raises:
        SipTermsInvalid.
    """

    bind: str = "0.0.0.0"  # noqa: S104 - trunks are outside
    public: str | None = None
    port: int = 5060
    rtp_ports: tuple[int, int] = (16_384, 32_767)
    processes: int = 0
    ring_timeout_s: float = 45.0
    trying_timeout_s: float = 8.0
    answering: Answering = Answering.AT_ONCE
    tail_ms: int = 400
    session_s: int = 1_800
    redirects_most: int = 3
    options_every_s: float = 30.0
    register_s: int = 300
    analyser: str = ANALYSER
    amd: Terms = field(default_factory=Terms)
    record_s: int = 0

    def __post_init__(self) -> None:
        for address in filter(None, (self.bind, self.public)):
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise SipTermsInvalid(f"{address!r} is no IP address") from error
        if (":" in self.bind) != (":" in self.shown):
            raise SipTermsInvalid(f"trunks cannot see us at {self.public}: SIP is spoken at {self.bind}")
        first, last = self.rtp_ports
        if not 1_024 <= first < last <= 65_535 or last - first + 1 < 2 * self.process_count:
            raise SipTermsInvalid("RTP ports are FIRST-LAST from 1024 to 65535, at least two for each process")
        if not 0 <= self.port <= 65_535 or self.session_s < 90:
            raise SipTermsInvalid("the SIP port is 0 to 65535, the session interval at least 90 s (RFC 4028, 4)")
        if min(self.ring_timeout_s, self.trying_timeout_s, self.register_s) <= 0 or self.options_every_s < 0:
            raise SipTermsInvalid("timeouts and intervals are above 0")
        if not 0 <= self.record_s <= MOST_RECORDED_S:
            raise SipTermsInvalid(f"at most {MOST_RECORDED_S} s of a call are kept")

    @property
    def process_count(self) -> int:
        """How many processes there are."""
        return self.processes or os.cpu_count() or 1

    @property
    def shown(self) -> str:
        """The address that our SIP and SDP tell, as an SDP writes it."""
        return self.public or self.bind

    def port_of(self, index: int) -> int:
        """Tell the SIP port of a process."""
        return self.port + index if self.port else 0

    def rtp_ports_of(self, index: int) -> tuple[int, int]:
        """Tell the share of media ports of a process: the first, even, and the last, odd."""
        first = self.rtp_ports[0] + self.rtp_ports[0] % 2
        each = (self.rtp_ports[1] - first + 1) // self.process_count // 2 * 2
        return first + index * each, first + (index + 1) * each - 1
