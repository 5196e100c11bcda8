"""Redirections (RFC 3261, 8.1.3.4), within limits: to another machine of the operator's, never to another number.

A Contact with another user part is a forwarded call: it would ring, and cost, what nobody has priced.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from portevoix.carrier.sip.compat import Response, Url, wire_host
from portevoix.carrier.sip.wire import Peer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call goes instead.

    Args:
        target: the URI.
        address: numeric.
    """

    target: str
    address: str
    port: int


class Redirects:
    """The redirections of one call.

    Args:
        user: whom the call is for.
        most: how many are followed.
    """

    def __init__(self, peer: Peer, user: str, most: int) -> None:
        self._peer = peer
        self._user = user
        self._left = most
        self.followed: list[str] = []
        """Addresses that were followed to."""

    def follow(self, response: Response) -> Place | None:
        """Choose the first contact that may be followed; ``None`` where there is none, or it was enough."""
        if self._left <= 0:
            return None
        for contact in response.getHFBodys("contact"):
            place = None if contact.asterisk else self._place(contact.getUrl())
            if place is not None:
                self._left -= 1
                self.followed.append(place.address)
                return place
        return None

    def _place(self, url: Url) -> Place | None:
        if url.scheme != "sip" or url.username != self._user or (url.transport or "udp").lower() != "udp":
            return None
        host, port = url.getAddr()
        try:
            address = str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:  # a name would have to be looked up; the trunk's own was
            if host.lower() != self._peer.host.lower():
                return None
            address = self._peer.addresses[0]
        return Place(f"sip:{self._user}@{wire_host(address)}:{port}", address, int(port))
