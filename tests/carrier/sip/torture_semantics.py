"""RFC 4475, sections 3.2 to 3.4: what a transaction, an application, and who spoke RFC 2543 make of it."""

from __future__ import annotations

from tests.carrier.sip.torture import DROPPED, INVITE, LENGTH, OPTIONS, REGISTER, SDP, TYPE, UNHEARD, Torture, plain

SEMANTICS = [
    Torture(
        "3.2.1 badbranch",
        "200",
        plain(OPTIONS, "badbranch", "OPTIONS", "l: 0", via="Via: SIP/2.0/UDP {here};branch=z9hG4bK"),
    ),
    Torture(
        "3.3.1 insuf",
        DROPPED,
        f"""INVITE sip:user@example.com SIP/2.0
CSeq: 193942 INVITE
Via: SIP/2.0/UDP {{here}};branch=z9hG4bKkdj.insuf
Content-Type: application/sdp
l: {{length}}

{SDP}""",
    ),
    Torture(
        "3.3.2 unkscm",
        DROPPED,
        plain("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", "unkscm", "OPTIONS", "l: 0"),
    ),
    Torture(
        "3.3.3 novelsc",
        DROPPED,
        plain("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", "novelsc", "OPTIONS", "l: 0"),
    ),
    Torture(
        "3.3.4 unksm2",
        DROPPED,
        plain(REGISTER, "unksm2", "REGISTER", "Contact: <name:John_Smith>", "l: 0", to="isbn:2983792873").replace(
            "<sip:caller@example.net>", "<http://www.example.com>"
        ),
    ),
    Torture(
        "3.3.5 bext01",
        "420",
        plain(
            OPTIONS,
            "bext01",
            "OPTIONS",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "l: 0",
        ),
    ),
    Torture(
        "3.3.6 invut",
        "603",
        plain(
            INVITE,
            "invut",
            "INVITE",
            "Contact: <sip:caller@host5.example.net>",
            "Content-Type: application/unknownformat",
            LENGTH,
            body="<audio>\n <pcmu port='443'/>\n</audio>\n",
        ),
    ),
    Torture(
        "3.3.7 regaut01",
        "405",
        plain(REGISTER, "regaut01", "REGISTER", "Authorization: NoOneKnowsThisScheme opaque-data=here", "l: 0"),
    ),
    Torture(
        "3.3.8 multi01",
        "400",
        """INVITE sip:user@company.com SIP/2.0
Contact: <sip:caller@host25.example.net>
Via: SIP/2.0/UDP {here};branch=z9hG4bKkdjuw
Max-Forwards: 70
CSeq: 5 INVITE
Call-ID: multi01.98asdh@192.0.2.1
CSeq: 59 INVITE
Call-ID: multi01.98asdh@192.0.2.2
From: sip:caller@example.com;tag=3413415
To: sip:user@example.com
To: sip:other@example.net
From: sip:caller@example.net;tag=2923420123
Content-Type: application/sdp
l: 0
Max-Forwards: 5

""",
    ),
    Torture(
        "3.3.9 mcl01",
        DROPPED,
        plain(
            OPTIONS,
            "mcl01",
            "OPTIONS",
            "Content-Length: 13",
            "Content-Length: 5",
            "Content-Type: text/plain",
            body="There's no way to know how many octets are supposed to be here.\n",
        ),
    ),
    Torture(
        "3.3.10 bcast",
        UNHEARD,
        f"""SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: {{length}}
Content-Type: application/sdp
Contact: <sip:user@host28.example.com>

{SDP}""",
    ),
    Torture(
        "3.3.11 zeromf",
        "200",
        plain(OPTIONS, "zeromf", "OPTIONS", "l: 0").replace("Max-Forwards: 70", "Max-Forwards: 0"),
    ),
    Torture(
        "3.3.12 cparam01",
        "405",
        plain(REGISTER, "cparam01", "REGISTER", "Contact: sip:+33199000100@gw1.example.net;unknownparam", "l: 0"),
    ),
    Torture(
        "3.3.13 cparam02",
        "405",
        plain(REGISTER, "cparam02", "REGISTER", "Contact: <sip:+33199000100@gw1.example.net;unknownparam>", "l: 0"),
    ),
    Torture(
        "3.3.14 regescrt",
        "405",
        plain(
            REGISTER, "regescrt", "REGISTER", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>", "L:0"
        ),
    ),
    Torture(
        "3.3.15 sdp01",
        "603",
        plain(INVITE, "sdp01", "INVITE", "Accept: text/nobodyKnowsThis", LENGTH, TYPE, body=SDP),
    ),
    Torture(
        "3.4.1 inv2543",
        "603",
        f"""INVITE sip:UserB@example.com SIP/2.0
Via: SIP/2.0/UDP {{here}}
From: <sip:+33199000100@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+33199000101@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE
Content-Type: application/sdp
Content-Length: {{length}}

{SDP}""",
    ),
]
