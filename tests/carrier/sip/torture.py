"""The torture test messages of RFC 4475, each named by its section and the RFC's name for it.

They are as the RFC shows them, but that who sent a request is written ``{here}`` in its topmost Via, so that the answer
can be received; that a body's length is written ``{length}`` where it is right; and that telephone numbers are fiction.
What we do with each is told beside it: the code that it is answered with, ``DROPPED`` for what is counted as malformed,
``UNHEARD`` for a response that belongs to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

DROPPED, UNHEARD = "dropped", "unheard"

SDP = """v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
"""


@dataclass(frozen=True, slots=True)
class Torture:
    """One message.

    Args:
        name: section and name.
        then: what we do with it.
        text: its bytes as Latin-1, with line feeds alone.
    """

    name: str
    then: str
    text: str

    def data(self, here: str) -> bytes:
        """Write it as it is sent.

        Args:
            here: who sends it.
        """
        head, _, body = self.text.replace("\n", "\r\n").replace("{here}", here).partition("\r\n\r\n")
        return f"{head.replace('{length}', str(len(body)))}\r\n\r\n{body}".encode("latin-1")


def plain(
    start: str, name: str, method: str, *headers: str, to: str = "sip:user@example.com", body: str = "", via: str = ""
) -> str:
    """Write a request that is odd in one thing alone, as most of the invalid ones are."""
    lines = [
        start,
        f"To: {to}",
        "From: <sip:caller@example.net>;tag=93942939o2",
        "Max-Forwards: 70",
        f"Call-ID: {name}.asdfasoeklrjaskd",
        f"CSeq: 8 {method}",
        via or "Via: SIP/2.0/UDP {here};branch=z9hG4bKkdjuw",
        *headers,
    ]
    return "\n".join([*lines, "", body])


TYPE = "Content-Type: application/sdp"
REGISTER = "REGISTER sip:example.com SIP/2.0"
OPTIONS = "OPTIONS sip:user@example.com SIP/2.0"
INVITE = "INVITE sip:user@example.com SIP/2.0"
LENGTH = "Content-Length: {length}"
