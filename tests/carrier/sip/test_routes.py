"""Which way a dialog's requests take: its route set (RFC 3261, 12.2.1.1), loose and strict."""

from __future__ import annotations

import asyncio

import pytest

from portevoix.carrier.sip.dialog import is_loose
from portevoix.domain.call import Outcome
from tests.carrier.sip.far import Said, answered, description, ended, far_end
from tests.carrier.sip.trunk import HERE, Told, carrier, dial, tape, trunk

MESSAGE = bytes(range(160)) * 10


def way(message: Said) -> tuple[str, list[str]]:
    """Read a request's URI and its routes."""
    return message.start.split()[1], message.all("route")


async def test_a_loose_route_is_followed_in_reverse_and_the_target_stays_the_contact() -> None:
    async with carrier() as sip, far_end() as far, far_end() as proxy, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        routes = [f"Record-Route: <sip:192.0.2.9:5070;lr;x=1>, <sip:{proxy.place};lr>;tail=2"]
        far.answer(invite, 200, *routes, body=description(media.port))
        ack, report = await proxy.take("ACK"), await ended(call, proxy)
        bye = proxy.heard[-1]
    assert report.outcome is Outcome.ANSWERED
    expected = (f"sip:{far.place}", [f"<sip:{proxy.place};lr>;tail=2", "<sip:192.0.2.9:5070;lr;x=1>"])
    assert way(ack) == way(bye) == expected
    assert far.starts() == ["INVITE"]


async def test_a_strict_route_is_the_target_and_the_contact_comes_last() -> None:
    async with carrier() as sip, far_end() as far, far_end() as proxy, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        routes = ["Record-Route: <sip:192.0.2.9:5070;lr>", f"Record-Route: <sip:{proxy.place}>"]
        far.answer(invite, 200, *routes, body=description(media.port))
        ack, report = await proxy.take("ACK"), await ended(call, proxy)
        bye = proxy.heard[-1]
    assert report.outcome is Outcome.ANSWERED
    assert way(ack) == way(bye) == (f"sip:{proxy.place}", ["<sip:192.0.2.9:5070;lr>", f"<sip:{far.place}>"])


async def test_a_new_contact_is_the_target_from_then_on_and_the_routes_stay() -> None:
    async with carrier() as sip, far_end() as far, far_end() as proxy, tape() as media:
        route = f"Record-Route: <sip:{proxy.place};lr>"
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE * 3), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 200, route, body=description(media.port))
        await proxy.take("ACK")
        far.ask("UPDATE", invite, 1)
        await far.take("SIP/2.0 200")
        proxy.ask("UPDATE", invite, 2)
        await proxy.take("SIP/2.0 200")
        await ended(call, proxy)
    assert way(proxy.heard[-1]) == (f"sip:{proxy.place}", [f"<sip:{proxy.place};lr>"])


async def test_an_answer_from_another_machine_of_the_trunks_is_ended_by_it_too() -> None:
    async with carrier() as sip, far_end() as far, far_end("127.0.0.9") as gateway, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE * 30), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 200, contact=f"<sip:{gateway.place}>", body=description(media.port))
        await gateway.take("ACK")
        gateway.ask("BYE", invite, 1)
        await gateway.take("SIP/2.0 200")
        assert (await call).outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    "contact", ["<tel:+33199000100>", "<sip:far@gateway.example>", "<sip:[::1]:5060>", "*", "<sip"]
)
async def test_a_contact_that_leads_nowhere_leads_back_to_the_trunk(contact: str) -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        call = asyncio.create_task(sip.call(dial(trunk(far.port), MESSAGE), Told()))
        invite = await far.take("INVITE")
        far.answer(invite, 200, contact=contact, body=description(media.port))
        await far.take("ACK")
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert media.heard().startswith(MESSAGE)
    assert sip.supervisor.counts["faults"] == 0


async def test_more_proxies_than_a_datagram_holds_are_left_out() -> None:
    async with carrier() as sip, far_end() as far, tape() as media:
        many = [f"Record-Route: <sip:{HERE}:{port};lr>" for port in range(9_000, 9_040)]
        call, _ = await answered(sip, far, media, MESSAGE, *many)
        report = await ended(call, far)
    assert report.outcome is Outcome.ANSWERED
    assert far.heard[-1].all("route") == []


def test_a_proxy_routes_loosely_where_its_uri_bears_lr() -> None:
    assert all(is_loose(uri) for uri in ("sip:p;lr", "sip:p:5060;transport=udp;LR", "sip:p;lr=on", "sip:p;x=1;lr?a=b"))
    assert not any(is_loose(uri) for uri in ("sip:p", "sip:lr", "sip:p;lrx", "sip:p?a=;lr", "sip:p;x=lr"))
