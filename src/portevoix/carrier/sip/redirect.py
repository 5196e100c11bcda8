"""Redirections (RFC 3261, 8.1.3.4), within limits: to another machine of the operator's, never to another number.

A Contact with another user part is a forwarded call: it would ring, and cost, what nobody has priced. A private
address, where the trunk has none, is a machine of ours. Who is not the trunk itself is shown no digest of its password.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import msgspec

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

    def follow(self, response: Response) -> Place | None:
        """Choose the first contact that may be followed; ``None`` where there is none, or it was enough."""
        if self._left <= 0:
            return None
        for contact in response.getHFBodys("contact"):
            place = None if contact.asterisk else self._place(contact.getUrl())
            if place is not None:
                self._left -= 1
                return place
        return None

    def peer_at(self, place: Place) -> Peer:
        """Tell as whom we may speak to a place: its credentials are the trunk's own alone."""
        if place.address in self._peer.addresses:
            return self._peer
        return msgspec.structs.replace(self._peer, username="", password="")

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
        if not _is_open_to(self._peer, address):
            return None
        return Place(f"sip:{self._user}@{wire_host(address)}:{port}", address, int(port))


def _is_open_to(peer: Peer, address: str) -> bool:
    """Tell whether a trunk may send us to an address: a public one, or one of the kind that its own is of."""
    if address in peer.addresses:
        return True
    own, there = {_kind(one) for one in peer.addresses}, _kind(address)
    return there[0] in {version for version, _ in own} and (there[1] == "is_global" or there in own)


def _kind(address: str) -> tuple[int, str]:
    numeric = ipaddress.ip_address(address)
    kinds = ("is_multicast", "is_unspecified", "is_loopback", "is_link_local", "is_global")
    return numeric.version, next((kind for kind in kinds if getattr(numeric, kind)), "is_private")
