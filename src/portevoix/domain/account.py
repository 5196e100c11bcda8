"""Accounts and their API keys, and who may enter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from portevoix.domain.errors import (
    AccountBlocked,
    AccountDisabled,
    AddressRefused,
    InvalidValue,
    ScopeRefused,
)
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.safety import NOTHING_OWN, OwnAllowance

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SECRET = re.compile(r"pv_(?:live|test)_[0-9a-f]{64}", re.ASCII)


class State(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    DISABLED = "disabled"
    BLOCKED = "blocked"


class Scope(StrEnum):
    """What a key may do: see, spend, or change the account's own settings."""

    READ = "read"
    SEND = "send"
    MANAGE = "manage"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Account:
    """One ledger of one account, with what it holds now."""

    id: int
    ref: AccountRef
    name: str
    state: State
    parent: str | None
    tariff: str | None
    available_micros: int
    held_micros: int
    low_balance_micros: int | None
    created_at: datetime
    allowance: OwnAllowance = NOTHING_OWN


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an account's people may want to be told of.

    Args:
        type: ``credit.low``: the available credit fell below the account's threshold.
        data: what happened, as JSON has it.
    """

    id: int
    type: str
    data: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it may be shown: never its secret.

    Args:
        hint: the secret's beginning and its last four characters, to tell keys apart.
        allowed: networks that it may be used from; empty for any.
    """

    id: str
    account: AccountRef
    name: str
    hint: str
    scopes: frozenset[Scope]
    allowed: tuple[Network, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a new key is called and may do."""

    name: str
    scopes: frozenset[Scope] = ALL_SCOPES
    allowed: tuple[Network, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What a right key leads to, read in one round trip; or somebody who is signed in.

    Args:
        key_id: ``None`` where it was no key that led here.
        account_id: the ledger account that the key opens.
        available_micros: its credit that may be spent now: nothing held, nothing expired.
        own_revision: the tariff revision of the account's own tariff in force, if it has one.
        default_revision: the revision of the default tariff in force.
        mode: which ledger of its account that is.
        clock_offset_s: by how much the account's clock is ahead of ours: a sandbox's can be moved on.
        allowance: what a live account has of its own.
    """

    key_id: int | None
    account_id: int
    state: State
    scopes: frozenset[Scope]
    allowed: tuple[Network, ...]
    available_micros: int
    own_revision: int | None
    default_revision: int | None
    mode: Mode = Mode.LIVE
    clock_offset_s: int = 0
    allowance: OwnAllowance = NOTHING_OWN

    def now(self, ours: datetime) -> datetime:
        """Tell what the account's clock shows when ours shows a moment."""
        return ours + timedelta(seconds=self.clock_offset_s)


def secret_text(mode: Mode, entropy: bytes) -> str:
    """Write an API key: ``pv_live_`` or ``pv_test_``, then 256 bits in hexadecimal.

    Args:
        mode: the ledger that the key opens.
        entropy: 32 random bytes.
    """
    if len(entropy) != 32:
        raise ValueError("an API key takes 32 bytes of entropy")
    return f"pv_{'live' if mode is Mode.LIVE else 'test'}_{entropy.hex()}"


def is_secret(text: str) -> bool:
    """Tell whether a text has the form of an API key, so that nothing else is looked up."""
    return _SECRET.fullmatch(text) is not None


def secret_hint(secret: str) -> str:
    """Shorten a key to what may be shown: its beginning and last four characters."""
    return f"{secret[:8]}…{secret[-4:]}"


def admit(access: Access, scope: Scope, address: Address | None) -> None:
    """Let a request in, or refuse it.

    Args:
        access: what the key leads to.
        scope: what the request needs.
        address: where it comes from; ``None`` where that is unknown, which no allow-list admits.

    Raises:
        AccountDisabled, AccountBlocked, AddressRefused, ScopeRefused: in this order.
    """
    if access.state is State.DISABLED:
        raise AccountDisabled("the account is disabled")
    if access.state is State.BLOCKED:
        raise AccountBlocked("the account is blocked")
    if access.allowed and not is_within(address, access.allowed):
        raise AddressRefused("the key may not be used from this address")
    if scope not in access.scopes:
        raise ScopeRefused(f"the key lacks the scope {scope}")


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Tell whether an address lies in one of the networks; an IPv4 address mapped to IPv6 counts as IPv4."""
    if address is None:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def parse_address(text: str) -> Address | None:
    """Read an IP address; ``None`` for anything else (a Unix socket, a made-up header)."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks separated by commas or blanks: ``192.0.2.0/24, 2001:db8::/32, 198.51.100.7``.

    Raises:
        InvalidValue: one of them is no network.
    """
    try:
        return tuple(ip_network(part) for part in text.replace(",", " ").split())
    except ValueError as problem:
        raise InvalidValue(f"not a network: {problem}") from None


def parse_scopes(text: str) -> frozenset[Scope]:
    """Read scopes separated by commas.

    Raises:
        InvalidValue: an unknown one, or none at all.
    """
    try:
        scopes = frozenset(Scope(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise InvalidValue(f"scopes are {', '.join(Scope)}; got {text[:60]!r}") from None
    if not scopes:
        raise InvalidValue("a key needs at least one scope")
    return scopes


def parse_reason(text: str | None) -> str | None:
    """Check what a statement will say of a transfer: up to 500 printable characters; blank is none at all.

    Raises:
        InvalidValue: too long, or with control characters.
    """
    reason = (text or "").strip()
    if len(reason) > 500 or not reason.isprintable():
        raise InvalidValue("a reason is up to 500 printable characters")
    return reason or None


def parse_name(text: str) -> str:
    """Check the name of an account or key: 1 to 100 printable characters.

    Raises:
        InvalidValue: empty, too long, or with control characters.
    """
    name = text.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidValue("a name is 1 to 100 printable characters")
    return name
