"""Trunks: an operator's ways into the telephone network, and how a number is written on each."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum

from portevoix.domain.errors import InvalidValue
from portevoix.domain.number import Number

SIP_PORT = 5060  # RFC 3261, 19.1.2
ARI_PORT = 8088  # as Asterisk's http.conf has it where it says nothing else

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*", re.ASCII)
_USERNAME = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_USER = re.compile(r"[0-9A-Za-z+*#._!~'()&=$,?/-]{1,64}", re.ASCII)
_RESOURCE = re.compile(r"[A-Z][A-Za-z0-9]{1,15}/[0-9A-Za-z+*#._!~'()&=$,?/@:-]{1,120}", re.ASCII)
_HEADER = re.compile(r"(X-[A-Za-z0-9-]{1,40}): ?([\x20-\x7e]{1,128})", re.ASCII)
_PLACES = re.compile(r"\{([a-z0-9]*)\}")


class TrunkInvalid(InvalidValue):
    """A trunk cannot be as it was described."""

    code = "trunk_invalid"


class Engine(StrEnum):
    """What makes a trunk's calls."""

    SIP = "sip"
    ASTERISK = "asterisk"


@dataclass(frozen=True, slots=True)
class Server:
    """Where a trunk's requests go: a host and a port, UDP's for SIP, TCP's for Asterisk's ARI."""

    host: str
    port: int = SIP_PORT

    @classmethod
    def parse(cls, text: str, default_port: int = SIP_PORT) -> Server:
        """Read ``HOST``, ``HOST:PORT`` or ``[IPV6]:PORT``. Raises TrunkInvalid."""
        host, port = text.strip(), ""
        if host.startswith("["):
            host, _, port = host[1:].partition("]")
            port = port.removeprefix(":")
        elif host.count(":") == 1:
            host, _, port = host.partition(":")
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else default_port if not port else 0
        if not 1 <= number <= 65535 or not (_is_address(host) or _HOST.fullmatch(host)):
            raise TrunkInvalid(f"{text[:80]!r} is no server: HOST or HOST:PORT")
        return cls(host, number)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine, as a test bench is."""
        return self.host == "localhost" or (_is_address(self.host) and ipaddress.ip_address(self.host).is_loopback)

    def __str__(self) -> str:
        """Write it as ``parse`` reads it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a trunk's operator knows us by (RFC 8760 digest), or Asterisk's ARI."""

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _USERNAME.fullmatch(self.username) or not 1 <= len(self.password) <= 128:
            raise TrunkInvalid("a username is 1 to 128 printable characters without blanks; a password has 1 to 128")


class NumberFormat(StrEnum):
    """How a trunk wants numbers written."""

    E164 = "e164"  # +33639980100
    DIGITS = "digits"  # 33639980100
    INTERNATIONAL = "international"  # 0033639980100
    NATIONAL = "national"  # 0639980100; numbers of other countries as INTERNATIONAL

    def write(self, number: Number) -> str:
        """Write a number."""
        match self:
            case NumberFormat.E164:
                return f"+{number.digits}"
            case NumberFormat.DIGITS:
                return number.digits
            case NumberFormat.INTERNATIONAL:
                return f"00{number.digits}"
            case NumberFormat.NATIONAL:
                is_home = number.calling_code == "33"
                return f"0{number.digits.removeprefix('33')}" if is_home else f"00{number.digits}"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an INVITE is for.

    Args:
        user: the user part of its URI; or whom Asterisk dials, ``TECHNOLOGY/RESOURCE``.
        headers: further headers of the INVITE, name and value.
    """

    user: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_resource(self) -> bool:
        """Whether it is all that Asterisk dials, rather than a user part."""
        return _RESOURCE.fullmatch(self.user) is not None


@dataclass(frozen=True, slots=True)
class DialTemplate:
    """How a route writes whom it calls: ``{e164}``, or ``*88{national}; X-Deposit: yes`` for a carrier's voicemail.

    Args:
        text: a user part with ``{e164}``, ``{digits}``, ``{international}`` or ``{national}`` in it once; then
            headers whose names begin with ``X-``, each after a semicolon. For a trunk of Asterisk the user part may
            also be all that Asterisk dials: ``PJSIP/{digits}@mailboxes``.

    Raises:
        TrunkInvalid.
    """

    text: str = "{e164}"

    def __post_init__(self) -> None:
        user, *headers = (part.strip() for part in self.text.split(";"))
        places = _PLACES.findall(user)
        written = _PLACES.sub("0", user)
        is_written = _USER.fullmatch(written) or _RESOURCE.fullmatch(written)
        if len(places) != 1 or places[0] not in set(NumberFormat) or not is_written:
            raise TrunkInvalid("a dial template has one of {e164}, {digits}, {international}, {national} in it once")
        if not all(_HEADER.fullmatch(header) for header in headers):
            raise TrunkInvalid("a header of a dial template is written X-Name: value")

    @property
    def is_resource(self) -> bool:
        """Whether it is all that Asterisk dials, rather than a user part."""
        return Target(_PLACES.sub("0", self.text.partition(";")[0].strip())).is_resource

    def target(self, number: Number) -> Target:
        """Tell whom to call to reach a number."""
        user, *headers = (part.strip() for part in self.text.split(";"))
        (place,) = _PLACES.findall(user)
        written = user.replace(f"{{{place}}}", NumberFormat(place).write(number))
        found = [match for header in headers if (match := _HEADER.fullmatch(header))]
        return Target(written, tuple((match[1], match[2]) for match in found))

    def __str__(self) -> str:
        """Write it as it was given."""
        return self.text


@dataclass(frozen=True, slots=True)
class CallerId:
    """What a trunk shows of who calls.

    Args:
        number: shown where the sender has none of its own that is allowed; ``None`` for anonymous (RFC 3323).
        allowed: senders' own numbers that the trunk's operator lets through, in E.164 without the plus, or prefixes
            that end with ``*``; empty for none.
        format: how they are written.
        is_asserted: whether P-Asserted-Identity (RFC 3325) bears it too.
    """

    number: Number | None = None
    allowed: tuple[str, ...] = ()
    format: NumberFormat = NumberFormat.E164
    is_asserted: bool = True

    def shown(self, sender: Number | None) -> str | None:
        """Tell what is shown for a sender, as the trunk wants it written; ``None`` for anonymous."""
        own = sender if sender is not None and self._lets_through(sender) else self.number
        return None if own is None else self.format.write(own)

    def _lets_through(self, sender: Number) -> bool:
        return any(
            sender.digits.startswith(one[:-1]) if one.endswith("*") else sender.digits == one for one in self.allowed
        )


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way into the telephone network.

    Args:
        id: its number in the store.
        name: lower-case letters, digits and dashes; for Asterisk, its PJSIP endpoint's name too.
        server: where SIP goes; or where Asterisk's ARI answers, over HTTP.
        credentials: where its operator asks for a digest; or ARI's. What Asterisk itself needs is its own affair.
        registers: whether it wants a REGISTER (RFC 3261, 10) to know where we are.
        calls_max: calls under way at most, over all nodes.
        calls_per_s: calls begun a second at most, over all nodes.

    Raises:
        TrunkInvalid.
    """

    id: int
    name: str
    engine: Engine
    server: Server
    credentials: Credentials | None = None
    registers: bool = False
    caller_id: CallerId = field(default_factory=CallerId)
    calls_max: int = 30
    calls_per_s: int = 5

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise TrunkInvalid("a trunk's name is 1 to 40 lower-case letters, digits and dashes")
        if self.registers and self.credentials is None:
            raise TrunkInvalid("a trunk that registers has a username and a password")
        if self.engine is Engine.ASTERISK and self.credentials is None:
            raise TrunkInvalid("a trunk of Asterisk has a username and a password: those of its ARI, in ari.conf")
        if self.engine is Engine.ASTERISK and self.registers:
            raise TrunkInvalid("a trunk of Asterisk does not register here: Asterisk does, by its pjsip.conf")
        if not 1 <= self.calls_max <= 10_000 or not 1 <= self.calls_per_s <= 1_000:
            raise TrunkInvalid("calls_max is 1 to 10000, calls_per_s 1 to 1000")


@dataclass(frozen=True, slots=True)
class Path:
    """The way of one dialling over a trunk.

    Args:
        target: whom the INVITE is for.
        caller: who is shown to call, as the trunk wants it written; ``None`` for anonymous.
    """

    trunk: Trunk
    target: Target
    caller: str | None
