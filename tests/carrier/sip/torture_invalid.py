"""RFC 4475, section 3.1.2: messages that are not well-formed."""

from __future__ import annotations

from tests.carrier.sip.torture import DROPPED, INVITE, LENGTH, OPTIONS, REGISTER, SDP, TYPE, UNHEARD, Torture, plain

INVALID = [
    Torture(
        "3.1.2.1 badinv01",
        DROPPED,
        plain(
            INVITE,
            "badinv01",
            "INVITE",
            'Contact: "Joe" <sip:joe@example.org>;;;;',
            LENGTH,
            TYPE,
            via="Via: SIP/2.0/UDP {here};;,;,,",
            body=SDP,
        ),
    ),
    Torture(
        "3.1.2.2 clerr",
        DROPPED,
        plain(INVITE, "clerr", "INVITE", "Contact: <sip:host5>", "Content-Length: 9999", TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.3 ncl",
        DROPPED,
        plain(INVITE, "ncl", "INVITE", "Contact: <sip:host5>", "Content-Length: -999", TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.4 scalar02",
        "400",
        """REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP {here};branch=z9hG4bK342sdfoi3
To: <sip:user@example.com>
From: <sip:user@example.com>;tag=239232jh3
CSeq: 36893488147419103232 REGISTER
Call-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32
Max-Forwards: 300
Expires: 10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
Contact: <sip:user@host129.example.com>
  ;expires=280297596632815
Content-Length: 0

""",
    ),
    Torture(
        "3.1.2.5 scalarlg",
        UNHEARD,
        """SIP/2.0 503 Service Unavailable
Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129
To: <sip:user@example.com>
From: <sip:other@example.net>;tag=2easdjfejw
CSeq: 9292394834772304023312 OPTIONS
Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r
Retry-After: 949302838503028349304023988
Warning: 1812 overture "In Progress"
Content-Length: 0

""",
    ),
    Torture(
        "3.1.2.6 quotbal",
        "400",
        plain(INVITE, "quotbal", "INVITE", LENGTH, TYPE, to='"Mr. J. User <sip:j.user@example.com>', body=SDP),
    ),
    Torture(
        "3.1.2.7 ltgtruri",
        DROPPED,
        plain("INVITE <sip:user@example.com> SIP/2.0", "ltgtruri", "INVITE", LENGTH, TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.8 lwsruri",
        DROPPED,
        plain("INVITE sip:user@example.com; lr SIP/2.0", "lwsruri", "INVITE", LENGTH, TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.9 lwsstart",
        "603",
        plain("INVITE  sip:user@example.com  SIP/2.0", "lwsstart", "INVITE", LENGTH, TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.10 trws",
        "200",
        plain("OPTIONS sip:remote-target@example.com SIP/2.0  ", "trws", "OPTIONS", "l: 0"),
    ),
    Torture(
        "3.1.2.11 escruri",
        "603",
        plain(
            "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0",
            "escruri",
            "INVITE",
            LENGTH,
            TYPE,
            body=SDP,
        ),
    ),
    Torture(
        "3.1.2.12 baddate",
        "603",
        plain(INVITE, "baddate", "INVITE", "Date: Fri, 01 Jan 2010 16:00:00 EST", LENGTH, TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.13 regbadct",
        "405",
        plain(
            REGISTER, "regbadct", "REGISTER", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E", "l: 0"
        ),
    ),
    Torture(
        "3.1.2.14 badaspec",
        "400",
        plain(OPTIONS, "badaspec", "OPTIONS", "l: 0", to='"Watson, Thomas" < sip:t.watson@example.org >'),
    ),
    Torture(
        "3.1.2.15 baddn",
        "400",
        plain(OPTIONS, "baddn", "OPTIONS", "l: 0").replace(
            "From: <sip:caller@example.net>;tag=93942939o2", "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"
        ),
    ),
    Torture(
        "3.1.2.16 badvers",
        "505",
        plain("OPTIONS sip:t.watson@example.org SIP/7.0", "badvers", "OPTIONS", "l: 0"),
    ),
    Torture("3.1.2.17 mismatch01", "400", plain(OPTIONS, "mismatch01", "INVITE", "l: 0")),
    Torture(
        "3.1.2.18 mismatch02",
        "400",
        plain("NEWMETHOD sip:user@example.com SIP/2.0", "mismatch02", "INVITE", LENGTH, TYPE, body=SDP),
    ),
    Torture(
        "3.1.2.19 bigcode",
        DROPPED,
        """SIP/2.0 4294967301 better not break the receiver
Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i
CSeq: 353494 INVITE
From: <sip:user@example.com>;tag=39ansfi3
To: <sip:user@example.edu>;tag=902jndnke3
Content-Length: 0
Contact: <sip:user@host105.example.com>

""",
    ),
]
