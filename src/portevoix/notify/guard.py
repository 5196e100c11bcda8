"""Keeps webhooks out of networks that are not public (server-side request forgery).

A name is looked up once for each connection, every address that it leads to is checked, and the connection goes to an
address that was checked: a name that leads elsewhere a moment later (DNS rebinding) changes nothing. TLS and the Host
header still use the name. What is checked is what was looked up, so that no way to write an address gets around it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpcore2

from portevoix.domain.account import Address, Network, is_within, parse_address

#: Looks up a host and port; gives IP addresses. Raises OSError or ValueError where there is none.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

# How many addresses of a name are tried, so that nobody is knocked at a hundred times for one webhook,
# and how long each but the last may take.
_MOST_TRIED = 3
_CONNECT_S = 4.0

# Not globally reachable by the IANA IPv4 special-purpose address registry (RFC 6890), and what clouds put elsewhere.
_REFUSED_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598), and a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's platform services, though the address is public
        "169.254.0.0/16",  # link-local (RFC 3927), and clouds' metadata at 169.254.169.254
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890), and a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # 6to4 relays, given up (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved (RFC 1112), and broadcast
    )
)

# IPv6 has one block of global unicast; all else is loopback, private (fc00::/7), link-local, multicast, IPv4 in the
# shape of IPv6 (::/96), not assigned, or a translation of the local network (64:ff9b:1::/48, RFC 8215).
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_REFUSED_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4: an IPv4 address inside, and given up (RFC 3056, RFC 7526)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)


class DestinationUnknown(Exception):
    """The host does not lead anywhere."""


class DestinationRefused(Exception):
    """The host leads to an address that is not public; which, is not told to who chose the host."""


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, by the IANA special-purpose address registries."""
    if isinstance(address, IPv4Address):
        return not is_within(address, _REFUSED_IPV4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_IPV6 and not is_within(address, _REFUSED_IPV6)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Look a host up as the system does. Raises OSError, or ValueError for what is no host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Guard:
    """Tells which addresses a host leads to, where all of them may be reached.

    One address that may not be reached refuses the host, whatever else it leads to: such a name is a mistake or an
    attack, and which of its addresses is chosen should not decide.

    Args:
        allowed: networks that may be reached although they are not public.
        resolver: looks hosts up.
    """

    def __init__(self, allowed: Iterable[Network] = (), resolver: Resolver = resolve) -> None:
        self._allowed = tuple(allowed)
        self._resolver = resolver

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Look a host up, once, and check all that it leads to; each address once, in the resolver's order.

        Raises:
            DestinationUnknown: it leads nowhere.
            DestinationRefused: an address may not be reached.
        """
        try:
            found = await self._resolver(host, port)
        except (OSError, ValueError) as error:
            raise DestinationUnknown(f"the host {host} is not known") from error
        if not found:
            raise DestinationUnknown(f"the host {host} is not known")
        checked: dict[Address, None] = {}
        for text in found:
            address = parse_address(text)
            if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            if address is None or not (is_within(address, self._allowed) or is_public(address)):
                raise DestinationRefused(f"refused: the host {host} leads to an address that is not public")
            checked[address] = None
        return tuple(checked)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection that is closed when its TLS handshake is given up from outside; the library leaves it open then."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the interface's
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the interface's
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
    ) -> httpcore2.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self.aclose()
            raise


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Opens connections for an HTTP client: to addresses that the guard has checked, and to nothing else.

    Args:
        guard: looks up and checks.
        network: opens a connection to an address.
    """

    def __init__(self, guard: Guard, network: httpcore2.AsyncNetworkBackend | None = None) -> None:
        self._guard = guard
        self._network = network or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of a host that answers; the interface's other options are not used here.

        Raises:
            DestinationUnknown, DestinationRefused: nothing was connected to.
            httpcore2.ConnectError, httpcore2.ConnectTimeout: no address answered; the last one's is raised.
        """
        addresses = (await self._guard.addresses(host, port))[:_MOST_TRIED]
        for address in addresses[:-1]:
            try:
                return await self._open(address, port, _CONNECT_S)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue  # the last one tells what is wrong
        return await self._open(addresses[-1], port, timeout)

    async def _open(self, address: Address, port: int, timeout_s: float | None) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._network.connect_tcp(str(address), port, timeout_s))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse: a socket of this machine is no public address."""
        raise DestinationRefused("refused: a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)
