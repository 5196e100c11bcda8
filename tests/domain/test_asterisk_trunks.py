"""What a trunk of Asterisk is, and how a route over it writes whom it calls."""

from __future__ import annotations

import pytest

from portevoix.domain.number import Number
from portevoix.domain.routing import RouteInvalid
from portevoix.domain.trunk import ARI_PORT, SIP_PORT, DialTemplate, Engine, Server, Target, TrunkInvalid
from tests.trunks import route_of, trunk_of

NUMBER = Number.parse("06 39 98 01 00")


def test_a_server_has_the_port_of_what_speaks_there_where_none_is_given() -> None:
    assert (Server.parse("pbx").port, Server.parse("pbx", ARI_PORT).port) == (SIP_PORT, ARI_PORT)
    assert Server.parse("[::1]", ARI_PORT) == Server("::1", ARI_PORT)
    assert Server.parse("pbx:8089", ARI_PORT).port == 8089


def test_a_trunk_of_asterisk_has_aris_credentials_and_does_not_register_here() -> None:
    assert trunk_of(engine=Engine.ASTERISK).credentials is not None
    with pytest.raises(TrunkInvalid, match="ARI"):
        trunk_of(engine=Engine.ASTERISK, credentials=None)
    with pytest.raises(TrunkInvalid, match=r"pjsip\.conf"):
        trunk_of(engine=Engine.ASTERISK, registers=True)


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("PJSIP/{digits}@mailboxes", "PJSIP/33639980100@mailboxes"),
        ("Local/{national}@deposits", "Local/0639980100@deposits"),
        ("DAHDI/g1/{international}", "DAHDI/g1/0033639980100"),
        ("PJSIP/far/sip:{e164}@127.0.0.1:5070", "PJSIP/far/sip:+33639980100@127.0.0.1:5070"),
    ],
)
def test_a_dial_template_may_be_all_that_asterisk_dials(text: str, user: str) -> None:
    template = DialTemplate(f"{text}; X-Deposit: yes")
    assert template.is_resource
    assert template.target(NUMBER) == Target(user, (("X-Deposit", "yes"),))


@pytest.mark.parametrize("text", ["{digits}", "*88{national}; X-A: PJSIP/1@b", "0/{digits}"])
def test_a_user_part_is_not_taken_for_all_that_asterisk_dials(text: str) -> None:
    assert not DialTemplate(text).is_resource


@pytest.mark.parametrize("text", ["{digits}@far", "PJSIP/@far", "pjsip/{digits}@far", "PJSIP/{digits} 1@far"])
def test_what_neither_sip_nor_asterisk_could_dial_is_no_template(text: str) -> None:
    with pytest.raises(TrunkInvalid):
        DialTemplate(text)


def test_a_route_over_sip_does_not_dial_what_asterisk_alone_could() -> None:
    template = DialTemplate("PJSIP/{digits}@mailboxes")
    assert route_of(trunk_of(engine=Engine.ASTERISK), dial=template).dial is template
    with pytest.raises(RouteInvalid, match="Asterisk"):
        route_of(trunk_of(), dial=template)
