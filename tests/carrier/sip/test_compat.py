"""What was mended in sippy, and that no message stops the loop."""

from __future__ import annotations

import random
import socket
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sippy.Network_server import Remote_address
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipURL import SipURL
from sippy.Time.MonoTime import MonoTime

from portevoix.carrier.sip.compat import Stack, extend, reachable, write
from portevoix.carrier.sip.door import is_readable, text_of
from portevoix.carrier.sip.sources import Sources

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack that is not run: what it does when something comes is called by hand."""
    sources = Sources()
    sources.allow([HERE])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves a socket to the garbage collector
        made = Stack(HERE, 0, HERE, sources, Counter())
    yield made
    made.transactions.shutdown()


def take(stack: Stack, data: bytes, source: str = HERE) -> None:
    """Hand a datagram to the stack as its socket would."""
    (server,) = stack.transactions.l4r.cache_l2s.values()
    stack.transactions.handleIncoming(data, Remote_address((source, 9), "udp"), server, MonoTime())


def lines(method: str = "OPTIONS", **changed: str) -> list[str]:
    headers = {
        "Via": f"SIP/2.0/UDP {HERE}:9;branch=z9hG4bK1",
        "From": f"<sip:a@{HERE}>;tag=1",
        "To": f"<sip:b@{HERE}>",
        "Call-ID": "1",
        "CSeq": f"1 {method}",
        "Max-Forwards": "70",
        **changed,
    }
    return [f"{method} sip:b@{HERE} SIP/2.0", *(f"{name}: {value}" for name, value in headers.items())]


def text(method: str = "OPTIONS", **changed: str) -> bytes:
    return "\r\n".join([*lines(method, **changed), "", ""]).encode()


def test_a_contacts_transport_is_read_whatever_its_case(stack: Stack) -> None:
    assert SipURL("sip:a@192.0.2.1:5070;transport=UDP").getTAddr() == (("192.0.2.1", 5070), "udp")


def test_headers_are_written_as_their_rfcs_write_them(stack: Stack) -> None:
    assert str(SipHeader("session-expires: 90")) == "Session-Expires: 90"
    assert str(SipHeader("Min-SE: 90")) == "Min-SE: 90"


def test_the_ack_of_a_final_response_leaves_before_what_follows_it(stack: Stack) -> None:
    sent: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((HERE, 0))
        request = write(lines("INVITE", Contact=f"<sip:us@{HERE}>"), (HERE, far.getsockname()[1]))
        transaction = stack.invite(request, lambda response, _: sent.append("told"), lambda _: sent.append("again"))
        via = str(request.getHFBody("via"))
        transmit = stack.transactions.transmitMsg
        stack.transactions.transmitMsg = lambda server, message, *rest: (
            sent.append(message.getMethod()),
            transmit(server, message, *rest),
        )
        try:
            answer = ["SIP/2.0 407 No", f"Via: {via}", *lines("INVITE")[2:]]
            take(
                stack,
                "\r\n".join([*answer, "Content-Length: 0", "", ""])
                .replace(f"<sip:b@{HERE}>", "<sip:b@x>;tag=2")
                .encode(),
            )
        finally:
            del stack.transactions.transmitMsg
    assert transaction.tid is None  # it is over
    assert sent == ["ACK", "told"]


def test_a_name_or_a_private_address_from_afar_leads_back_to_what_is_known() -> None:
    known = ("9.8.7.6", 5060)
    assert reachable(("sbc.example", 5070), known) == known
    assert reachable(("10.0.0.7", 5070), known) == known
    assert reachable(("9.8.7.5", 5070), known) == ("9.8.7.5", 5070)
    assert reachable(("10.0.0.7", 5070), ("10.0.0.1", 5060)) == ("10.0.0.7", 5070)


def test_where_nothing_can_be_sent_leads_back_to_what_is_known_too() -> None:
    known, six = ("9.8.7.6", 5060), ("[2a00::1]", 5060)
    for odd in (
        six,
        ("9.8.7.5", 99_999),
        ("9.8.7.5", 0),
        ("224.0.0.1", 5060),
        ("255.255.255.255", 5060),
        ("0.0.0.0", 9),
    ):
        assert reachable(odd, known) == known
    assert reachable(known, six) == six
    assert reachable(("2a00:0::2", 5070), six) == ("[2a00::2]", 5070)


def test_what_stands_between_blanks_is_read(stack: Stack) -> None:
    via = SipHeader("Via: SIP  / 2.0\t/ UDP 192.0.2.1:5070 ; branch = z9hG4bK1 ;  rport").getBody()
    assert (via.getAddr(), via.getBranch(), via.transport) == (("192.0.2.1", 5070), "z9hG4bK1", "UDP")
    assert SipHeader("To: sip:a@h ;  tag   = 77").getBody().getTag() == "77"
    assert str(SipHeader('From: "A B" <sip:a@h> ; tag = 7').getBody()) == '"A B" <sip:a@h>;tag=7'


def test_a_bodys_length_is_told_in_bytes(stack: Stack) -> None:
    body = "v=0\r\ns=Île de la Réunion\r\n".encode()
    head = text("INVITE", **{"Content-Length": str(len(body))}).rstrip()
    request = SipRequest(text_of(head + b"\r\n\r\n" + body))
    assert str(request.getBody()).encode("latin-1") == body
    assert SipRequest(text_of(text(Subject="Île"))).getHFBody("subject").body == "Île"


@pytest.mark.parametrize("via", [f"{HERE}:99999", f"{HERE}:0"])
def test_what_cannot_be_sent_is_not_given_to_the_thread_that_sends(stack: Stack, via: str) -> None:
    before = Counter(stack.counts)
    take(stack, text(Via=f"SIP/2.0/UDP {via};branch=z9hG4bK{via[-5:]}", **{"Max-Forwards": "many"}))
    assert (stack.counts - before)["malformed"] == 2  # the request, and its answer
    assert stack.transactions.server.sendqueue.empty()
    assert stack.transactions.server.asenders[0].is_alive()


@pytest.mark.parametrize(
    ("data", "may_pass"),
    [
        (text(), True),
        (text(**{"Content-Length": "0"}), True),
        (text(**{"Content-Length": "0", "L": "0"}), True),
        (text(**{"Content-Length": "0", "L": "1"}), False),
        (text(**{"Content-Length": "-1"}), False),
        (text(Subject="," * 256), True),
        (text(Subject="," * 257), False),
        (text(Subject=";" * 257), False),
        (text() + b"a" * 8_192, False),
        (text()[:-2] + b"X: a\r\n" * 300 + b"\r\n", False),
        (b"SIP/2.0 180 Ringing\r\n\r\n", True),
        (b"SIP/2.0 180\r\n\r\n", True),
        (b"SIP/2.0 700 No\r\n\r\n", False),
        (b"SIP/2.0 1800 No\r\n\r\n", False),
        (b"SIP/3.0 180 Ringing\r\n\r\n", False),
    ],
)
def test_what_cannot_be_a_message_is_not_read(data: bytes, may_pass: bool) -> None:
    assert is_readable(data) is may_pass


def test_what_is_refused_at_the_door_is_not_kept(stack: Stack) -> None:
    before = dict(stack.transactions.tserver)
    for method in ("INVITE", "OPTIONS", "ACK"):
        for name, odd in (("CSeq", "7 NONSENSE"), ("To", "<what:ever>"), ("Require", "x"), ("Contact", "<what:ever>")):
            take(stack, text(method, **{"Call-ID": f"{method}{name}", name: odd}))
    assert stack.transactions.tserver == before


def test_a_defect_of_ours_is_a_fault_and_leaves_nothing_behind(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise LookupError("a defect")

    before, kept = Counter(stack.counts), dict(stack.transactions.tserver)
    stack.on_request = fail
    for method in ("INVITE", "OPTIONS"):
        take(stack, text(method, **{"Call-ID": f"defect-{method}"}))
    assert stack.counts - before == Counter(faults=2)
    assert stack.transactions.tserver == kept
    assert "a defect" in capfd.readouterr().err


def test_a_strangers_message_is_not_read(stack: Stack) -> None:
    before = Counter(stack.counts)
    take(stack, text(), source="198.51.100.1")
    assert stack.counts - before == Counter(strangers=1)


def test_sources_are_answered_for_as_long_as_anybody_needs_them() -> None:
    sources = Sources()
    sources.allow(["192.0.2.1", "2001:db8::1"])
    sources.allow(["192.0.2.1"])
    sources.refuse(["192.0.2.1", "2001:db8::1"])
    assert sources.has("192.0.2.1")
    assert not sources.has("[2001:db8::1]")
    sources.refuse(["192.0.2.1"])
    assert not sources.has("192.0.2.1")


@pytest.mark.parametrize(
    "odd",
    [
        b"\xff" * 64,
        b"NONSENSE" * 20,
        b"SIP/2.0 99999 No\r\n" + b"x" * 40,
        text(CSeq="999999999999999999999999999 OPTIONS"),
        text(CSeq="one OPTIONS"),
        text(**{"Content-Length": "-5"}),
        text(**{"Content-Length": "500"}),
        text(Via="SIP/2.0/UDP"),
        text(Via=";;;"),
        text(To="<<<>"),
        text(From='"open <sip:a@b>'),
        text(Contact="<tel:+33199000100>"),
        text(**{"Max-Forwards": "many"}),
        text().replace(b"sip:b", b"nobodyKnowsThisScheme:b"),
        text().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1),
        text().replace(b"From", b"X-From"),
        b"\r\n" * 40 + text(),
        text() + b"a" * 20_000,
        text("ACK"),
        text("CANCEL"),
        text("BYE"),
    ],
)
def test_messages_that_torment_do_not_stop_the_loop(stack: Stack, odd: bytes) -> None:
    take(stack, odd)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_mangled_message_stops_the_loop(stack: Stack, data: st.DataObject) -> None:
    message = bytearray(
        text(data.draw(st.sampled_from(["OPTIONS", "INVITE", "BYE", "ACK", "UPDATE"])), Contact="<sip:a@b>")
    )
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(message))
        match rng.randrange(3):
            case 0:
                message[at] = rng.randrange(256)
            case 1:
                del message[at : at + rng.randrange(30)]
            case _:
                message[at:at] = rng.choice([b"\r\n", b";", b'"', b"<", b"%", b"\0", b":" * 9, b"\xc3"])
        if not message:
            break
    take(stack, bytes(message))


def test_a_response_takes_headers_and_a_description(stack: Stack) -> None:
    response = write(lines(), (HERE, 9)).genResponse(200, "OK")
    extend(response, [("Allow", "INVITE")], "v=0\r\n")
    assert "Allow: INVITE\r\n" in str(response)
    assert str(response).endswith("Content-Length: 5\r\n\r\nv=0\r\n")
