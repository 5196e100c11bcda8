"""The guard: which addresses are public, and that a connection goes where the guard looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

import httpcore2
import pytest

from portevoix.notify.guard import DestinationRefused, DestinationUnknown, Guard, GuardedNetwork, is_public, resolve
from portevoix.notify.webhooks import HttpWebhooks
from tests.notify.parts import get
from tests.notify.receiver import Answer, Receiver, serving_tls, trusting_tls

# Of IPv6's global unicast, and given to nobody.
PUBLIC = "3000::1"
ALSO_PUBLIC = "3000::2"


class Book:
    """A resolver: each look-up gets the next answer, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Net(httpcore2.AsyncNetworkBackend):
    """A network in which some addresses are receivers on this machine; all else is what it is.

    Args:
        places: the receiver at each address, whatever the port; ``None`` for one that refuses.
    """

    def __init__(self, places: dict[str, Receiver | None]) -> None:
        self.places = places
        self.connected: list[str] = []
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.connected.append(host)
        ip_address(host)  # a name here would be looked up a second time
        place = self.places.get(host, port)
        if place is None:
            raise httpcore2.ConnectError("refused")
        if isinstance(place, Receiver):
            host, port = place.host, place.port
        return await self._real.connect_tcp(host, port, timeout, local_address, socket_options)


@pytest.mark.parametrize(
    "text",
    [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::",
        "2003::1",
        PUBLIC,
        "::ffff:1.0.0.0",
        "64:ff9b::100:0",  # 1.0.0.0 behind NAT64
    ],
)
def test_addresses_beside_the_special_ones_are_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",  # IPv4-compatible
        "::1.0.0.0",
        "::ffff:127.0.0.1",  # IPv4-mapped
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",  # IPv4-translated
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::100:0",  # NAT64 of the local network
        "100::1",  # discarded
        "2001::1",  # Teredo
        "2001:2::1",  # benchmarks
        "2001:20::1",  # ORCHID
        "2001:db8::1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2002:100:0::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
    ],
)
async def test_special_addresses_are_not_public_and_refuse_the_host(text):
    assert not is_public(ip_address(text))
    with pytest.raises(DestinationRefused, match=r"hooks\.example\.test leads to an address that is not public"):
        await Guard((), Book([text])).addresses("hooks.example.test", 80)


@pytest.mark.parametrize("others", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "nonsense"], [PUBLIC, ""]])
async def test_one_address_that_is_refused_refuses_the_host(others):
    with pytest.raises(DestinationRefused):
        await Guard((), Book(others)).addresses("hooks.example.test", 80)


async def test_a_refusal_does_not_tell_the_address():
    with pytest.raises(DestinationRefused) as refused:
        await Guard((), Book(["10.1.2.3"])).addresses("hooks.example.test", 80)
    assert "10.1.2.3" not in str(refused.value)


@pytest.mark.parametrize(
    ("allowed", "text", "reached"),
    [
        ("127.0.0.0/8", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1", "127.0.0.1"),
        ("fd00::/8", "fd00::1", "fd00::1"),
        ("10.1.0.0/16", "10.1.255.255", "10.1.255.255"),
    ],
)
async def test_an_allowed_network_lets_its_addresses_through(allowed, text, reached):
    addresses = await Guard([ip_network(allowed)], Book([text])).addresses("hooks.example.test", 80)
    assert addresses == (ip_address(reached),)


@pytest.mark.parametrize(
    ("allowed", "text"), [("127.0.0.0/8", "10.0.0.1"), ("10.1.0.0/16", "10.2.0.0"), ("::/0", "10.0.0.1")]
)
async def test_an_allowed_network_lets_no_other_through(allowed, text):
    with pytest.raises(DestinationRefused):
        await Guard([ip_network(allowed)], Book([text])).addresses("hooks.example.test", 80)


@pytest.mark.parametrize("literal", ["0x7f.1", "2130706433", "017700000001", "127.1", "localhost", "::1"])
async def test_odd_ways_to_write_loopback_are_refused_by_the_systems_resolver(literal):
    with pytest.raises(DestinationRefused):
        await Guard().addresses(literal, 80)


async def test_a_dot_at_the_end_does_not_lead_around_the_guard():
    with pytest.raises((DestinationRefused, DestinationUnknown)):  # not every system knows this name
        await Guard().addresses("localhost.", 80)


@pytest.mark.parametrize("host", ["a" * 64 + ".example.test", "a..example.test"])
async def test_what_is_no_host_is_not_known(host):
    with pytest.raises(DestinationUnknown):
        await Guard((), resolve).addresses(host, 80)


async def test_a_host_without_an_address_is_not_known():
    with pytest.raises(DestinationUnknown):
        await Guard((), Book([])).addresses("hooks.example.test", 80)


async def test_the_connection_goes_to_the_address_that_was_checked(receiver):
    book, net = Book([PUBLIC], ["127.0.0.1"]), Net({PUBLIC: receiver})
    async with HttpWebhooks(resolver=book, network=net) as webhooks:
        answer = await webhooks.deliver(get("http://hooks.example.test:8080/a"))
    assert (answer.status, answer.fault) == (200, None)
    assert net.connected == [PUBLIC]
    assert book.asked == [("hooks.example.test", 8080)]
    assert receiver.received[0].headers["host"] == "hooks.example.test:8080"


async def test_a_name_that_is_rebound_to_loopback_never_reaches_it(receiver):
    async with Receiver() as victim:
        book, net = Book([PUBLIC], ["127.0.0.1"]), Net({PUBLIC: receiver})
        receiver.default = Answer(headers={"Connection": "close"})
        url = victim.url("/", host="hooks.example.test")
        async with HttpWebhooks(resolver=book, network=net) as webhooks:
            first = await webhooks.deliver(get(url))
            second = await webhooks.deliver(get(url))
        assert first.status == 200
        assert (second.status, len(book.asked)) == (None, 2)
        assert second.fault == "refused: the host hooks.example.test leads to an address that is not public"
        assert (victim.connections, net.connected) == (0, [PUBLIC])

        # The same steps with loopback allowed do reach it: it was the guard that kept them out.
        book = Book([PUBLIC], ["127.0.0.1"])
        async with HttpWebhooks([ip_network("127.0.0.1")], resolver=book, network=net) as webhooks:
            await webhooks.deliver(get(url))
            await webhooks.deliver(get(url))
        assert victim.connections == 1


async def test_an_address_that_refuses_is_followed_by_the_next(receiver):
    net = Net({PUBLIC: None, ALSO_PUBLIC: receiver})
    async with HttpWebhooks(resolver=Book([PUBLIC, ALSO_PUBLIC]), network=net) as webhooks:
        answer = await webhooks.deliver(get("http://hooks.example.test/"))
    assert answer.status == 200
    assert net.connected == [PUBLIC, ALSO_PUBLIC]


async def test_a_name_of_many_addresses_is_not_tried_at_all_of_them():
    many = [f"3000::{number:x}" for number in range(1, 50)]
    net = Net(dict.fromkeys(many))
    async with HttpWebhooks(resolver=Book(many), network=net) as webhooks:
        answer = await webhooks.deliver(get("http://hooks.example.test/"))
    assert answer.status is None
    assert net.connected == many[:3]


async def test_tls_is_with_the_name_and_not_with_the_address():
    async with Receiver(serving_tls()) as secured:
        net = Net({PUBLIC: secured, ALSO_PUBLIC: secured})
        async with HttpWebhooks(tls=trusting_tls(), resolver=Book([PUBLIC]), network=net) as webhooks:
            right = await webhooks.deliver(get("https://hooks.example.test/"))
            dotted = await webhooks.deliver(get("https://hooks.example.test./"))
            # It leads to the same address, where a connection stands; but the certificate is not for this name.
            wrong = await webhooks.deliver(get("https://other.example.test/"))
    assert (right.status, dotted.status) == (200, 200)
    assert (wrong.status, len(secured.received)) == (None, 2)
    assert wrong.fault.startswith("the certificate is not trusted: Hostname mismatch")


async def test_a_socket_of_this_machine_is_refused(tmp_path):
    with pytest.raises(DestinationRefused):
        await GuardedNetwork(Guard()).connect_unix_socket(str(tmp_path / "socket"))
