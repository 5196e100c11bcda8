"""Where a request comes from: behind proxies, and where somebody pretends."""

from __future__ import annotations

import pytest

from portevoix.domain.account import KeyTerms, parse_networks
from portevoix.domain.ids import AccountRef
from portevoix.ports import House
from portevoix.service.accounts import open_account
from portevoix.service.keys import create_key
from tests.conftest import Serve

LIFTED = {"limit_me": "off"}


@pytest.fixture
async def office_key(house: House) -> str:
    """A key for 192.0.2.0/24 and 2001:db8:1::/48 alone."""
    account = await open_account(house, "Mairie", credit_micros=19_000_000)
    terms = KeyTerms("office", allowed=parse_networks("192.0.2.0/24, 2001:db8:1::/48"))
    return (await create_key(house, AccountRef(account.account), terms)).secret


async def codes(serve: Serve, key: str, client: str, forwarded: list[str], trusted: str) -> list[int | None]:
    """Ask from an address with each header; gives the code of each refusal, ``None`` where it entered."""
    found = []
    async with serve(client=client, trusted_proxies=trusted, **LIFTED) as http:
        for value in forwarded:
            answer = await http.get(f"/v1/me/{key}", headers={"X-Forwarded-For": value} if value else {})
            found.append(answer.json().get("code"))
    return found


@pytest.mark.parametrize(
    ("client", "code"),
    [
        ("192.0.2.9", None),
        ("198.51.100.9", 96),
        ("::ffff:192.0.2.9", None),
        ("2001:db8:1::5", None),
        ("2001:db8:2::5", 96),
    ],
)
async def test_a_key_is_right_from_its_networks_alone(
    office_key: str, serve: Serve, client: str, code: int | None
) -> None:
    assert await codes(serve, office_key, client, [""], "") == [code]


async def test_nobodys_forwarding_header_is_believed_where_no_proxy_is_trusted(office_key: str, serve: Serve) -> None:
    assert await codes(serve, office_key, "198.51.100.9", ["192.0.2.9", "192.0.2.9, 192.0.2.9"], "") == [96, 96]
    assert await codes(serve, office_key, "192.0.2.9", ["198.51.100.9"], "") == [None]


async def test_a_client_beside_the_proxy_cannot_pretend(office_key: str, serve: Serve) -> None:
    assert await codes(serve, office_key, "198.51.100.9", ["192.0.2.9"], "10.0.0.0/8") == [96]


async def test_behind_trusted_proxies_the_nearest_address_that_is_none_counts(office_key: str, serve: Serve) -> None:
    forwarded = {
        "192.0.2.9": None,
        "198.51.100.9": 96,
        "192.0.2.9, 198.51.100.9": 96,  # what the client claims stands left of what the proxy saw
        "198.51.100.9, 192.0.2.9": None,
        "192.0.2.9, 10.1.2.3": None,
        "198.51.100.9, 10.1.2.3 , 10.9.9.9": 96,
        "192.0.2.9,198.51.100.9,10.1.2.3": 96,
        "2001:db8:1::5": None,
        "::ffff:192.0.2.9": None,
        "192.0.2.9,": None,
        ", ,192.0.2.9": None,
        "192.0.2.9, unknown": 96,
        "192.0.2.9, 198.51.100.9:443": 96,
        "192.0.2.9, <script>": 96,
        "10.1.2.3": 96,
        "": 96,
    }
    found = await codes(serve, office_key, "10.0.0.1", list(forwarded), "10.0.0.0/8 ::1")
    assert dict(zip(forwarded, found, strict=True)) == forwarded


async def test_a_proxy_reached_over_ipv6_as_mapped_ipv4_is_trusted(office_key: str, serve: Serve) -> None:
    assert await codes(serve, office_key, "::ffff:10.0.0.1", ["192.0.2.9"], "10.0.0.0/8") == [None]


async def test_a_forwarding_header_given_twice_is_read_as_one(office_key: str, serve: Serve) -> None:
    async with serve(client="10.0.0.1", trusted_proxies="10.0.0.0/8", **LIFTED) as http:
        path = f"/v1/me/{office_key}"
        spoofed = [("X-Forwarded-For", "192.0.2.9"), ("X-Forwarded-For", "198.51.100.9")]
        assert (await http.get(path, headers=spoofed)).json()["code"] == 96
        assert (await http.get(path, headers=spoofed[::-1])).status_code == 200


async def test_a_peer_without_an_address_is_on_no_list(office_key: str, serve: Serve) -> None:
    assert await codes(serve, office_key, "", ["", "192.0.2.9"], "10.0.0.0/8") == [96, 96]


async def test_the_figures_are_for_the_allowed_networks(serve: Serve) -> None:
    for client, status in (("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.9", 403), ("", 403)):
        async with serve(client=client) as http:
            assert (await http.get("/metrics")).status_code == status, client
            assert (await http.get("/healthz")).status_code == 200
    async with serve(client="192.0.2.9", metrics_allow="192.0.2.0/24") as http:
        assert (await http.get("/metrics")).status_code == 200
    async with serve(client="127.0.0.1", metrics_allow="192.0.2.0/24") as http:
        assert (await http.get("/metrics")).status_code == 403
