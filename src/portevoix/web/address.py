"""Where a request comes from, behind reverse proxies or not."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from starlette.types import Scope

from portevoix.domain.account import Address, Network, is_within, parse_address


class Proxies:
    """Tells the client's address, believing ``X-Forwarded-For`` of trusted proxies alone.

    Args:
        trusted: the networks of the operator's own proxies.
    """

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted

    def client(self, scope: Scope) -> Address | None:
        """Return the nearest address that is no trusted proxy; ``None`` where there is none to believe."""
        peer = scope.get("client")
        address = _peer_address(peer[0]) if peer else None
        if not self._trusted or not is_within(address, self._trusted):
            return address
        hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for hop in reversed(hops.decode("latin-1").split(",")):
            if not hop.strip():
                continue
            address = parse_address(hop.strip())
            if not is_within(address, self._trusted):
                break
        return address


_peer_address = lru_cache(maxsize=4096)(parse_address)  # the same few clients and proxies, again and again


def limited_as(address: Address | None) -> str:
    """Name who a limit per address counts: an IPv6 customer has a whole /64 of addresses."""
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
