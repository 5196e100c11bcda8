"""Routing: over which trunk a number is called, and why.

The longest prefix that a number begins with wins, then the least cost, then the priority, then the weight. What is
left over is tried in that order where a route fails by its own fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import groupby

from portevoix.domain.campaign import Kind
from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.money import LARGEST_MICROS
from portevoix.domain.number import Line, Number
from portevoix.domain.schedule import PARIS
from portevoix.domain.tariff import LONGEST_PREFIX
from portevoix.domain.trunk import DialTemplate, Engine, Trunk

#: What an attempt's route is called where there was none to dial over.
NO_ROUTE = "none"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?", re.ASCII)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? )?([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)", re.ASCII)
_DAY_MIN = 24 * 60


class RouteInvalid(InvalidValue):
    """A route cannot be as it was described."""

    code = "route_invalid"


class NoRoute(DomainError):
    """No trunk leads to the recipients of a message of a live account."""

    code = "no_route"


class NoDepositRoute(DomainError):
    """No route takes deposits for mobiles."""

    code = "no_deposit_route"


class Serves(StrEnum):
    """What a route is for.

    A call that rings a mobile is no deposit: those for mobiles go over routes that are for deposits alone, by a dial
    template that the trunk's operator defines. On a landline a deposit is a call that waits for the machine.
    """

    VOICE = "voice"
    DEPOSIT = "deposit"
    BOTH = "both"

    def takes(self, kind: Kind, line: Line) -> bool:
        """Tell whether it takes such a message to such a line."""
        if kind is Kind.VOICE:
            return self is not Serves.DEPOSIT
        return self is Serves.DEPOSIT or (self is Serves.BOTH and line is Line.LANDLINE)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a route is open, in Europe/Paris.

    Args:
        text: ``mon-fri 08:00-20:00; sat 09:00-12:00``, each span within a day; blank for always.

    Raises:
        RouteInvalid.
    """

    text: str = ""
    spans: tuple[tuple[int, int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = [part.strip() for part in self.text.lower().split(";") if part.strip()]
        object.__setattr__(self, "spans", tuple(span for part in parts for span in _spans(part)))

    def is_open(self, at: datetime) -> bool:
        """Tell whether it is open at a moment."""
        return not self.spans or self.opens_at(at) == at

    def opens_at(self, at: datetime) -> datetime:
        """Tell when it is open from a moment on: that moment, or the next opening."""
        local = at.astimezone(PARIS)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        today, minute = local.weekday(), local.hour * 60 + local.minute
        if not self.spans or any(day == today and opens <= minute < shuts for day, opens, shuts in self.spans):
            return at
        ahead = [
            (days, opens)
            for days in range(8)
            for day, opens, _ in self.spans
            if day == (today + days) % 7 and (days or opens > minute)
        ]
        days, opens = min(ahead)
        # Noon first, so that the hour is that of the clock on the wall, whatever summer time does in between.
        day = (midnight.replace(hour=12) + timedelta(days=days)).replace(hour=opens // 60, minute=opens % 60)
        return day.astimezone(at.tzinfo)

    def __str__(self) -> str:
        """Write them as they were given."""
        return self.text


def _spans(part: str) -> Iterator[tuple[int, int, int]]:
    match = _SPAN.fullmatch(part)
    first, last = (match[1] or "mon", match[2] or match[1] or "sun") if match else ("", "")
    if match is None or first not in _DAYS or last not in _DAYS:
        raise RouteInvalid(f"hours are written mon-fri 08:00-20:00; sat 09:00-12:00, not {part[:40]!r}")
    opens, shuts = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
    if not opens < shuts <= _DAY_MIN:
        raise RouteInvalid("hours open before they shut, within one day: from 00:00 to 24:00")
    start = _DAYS.index(first)
    for day in range(start, start + (_DAYS.index(last) - start) % 7 + 1):
        yield day % 7, opens, shuts


@dataclass(frozen=True, slots=True)
class Route:
    """A way to the numbers that begin with a prefix.

    Args:
        name: its own among all routes; it is kept with each attempt.
        prefix: leading digits in E.164 without the plus.
        priority: the lower, the sooner.
        weight: its share among those that are equal otherwise.
        price_micros: what a minute costs the operator; it orders routes, and is no customer's price.
        down_until: when it is tried again, where it or its trunk has failed.

    Raises:
        RouteInvalid.
    """

    name: str
    trunk: Trunk
    prefix: str
    serves: Serves = Serves.BOTH
    priority: int = 100
    weight: int = 100
    dial: DialTemplate = field(default_factory=DialTemplate)
    hours: Hours = field(default_factory=Hours)
    price_micros: int = 0
    down_until: datetime | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == NO_ROUTE:
            raise RouteInvalid("a route's name is 1 to 64 lower-case letters, digits, points and dashes")
        if not (self.prefix.isascii() and self.prefix.isdigit() and len(self.prefix) <= LONGEST_PREFIX):
            raise RouteInvalid("a prefix is 1 to 15 digits in E.164 without the plus")
        if self.dial.is_resource and self.trunk.engine is not Engine.ASTERISK:
            raise RouteInvalid("a dial template that begins with TECHNOLOGY/ is for trunks of Asterisk alone")
        if not 0 <= self.priority <= 1_000 or not 1 <= self.weight <= 1_000:
            raise RouteInvalid("a priority is 0 to 1000, a weight 1 to 1000")
        if not 0 <= self.price_micros <= LARGEST_MICROS:
            raise RouteInvalid("a price is from 0 to 1000000000 euros")

    @property
    def rank(self) -> tuple[int, int, int, bool]:
        """What orders it among the routes to a number, the least first.

        At the end, one for deposits alone: its dial template may be of a mobile carrier's voicemail, which is no way to
        a landline that another route leads to.
        """
        return -len(self.prefix), self.price_micros, self.priority, self.serves is Serves.DEPOSIT

    def is_down(self, at: datetime) -> bool:
        """Tell whether it is not to be tried yet, since it failed."""
        return self.down_until is not None and self.down_until > at


def route_name(trunk: str, prefix: str, serves: Serves) -> str:
    """Name a route that was given none: ``ovh-33``, ``ovh-33-deposit``."""
    return f"{trunk}-{prefix}" if serves is Serves.BOTH else f"{trunk}-{prefix}-{serves}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route that a number may be called over.

    Args:
        reason: why it stands where it does.
    """

    route: Route
    reason: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A route of a fitting prefix that a number is not called over.

    Args:
        opens_at: when it could be; ``None`` where it cannot.
    """

    route: Route
    reason: str
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The routes to a number, in the order in which they are tried."""

    candidates: tuple[Candidate, ...]
    passed_over: tuple[PassedOver, ...]

    @property
    def is_served(self) -> bool:
        """Whether there is a route, be it one that opens later."""
        return bool(self.candidates) or self.opens_at is not None

    @property
    def opens_at(self) -> datetime | None:
        """Tell when the first of those opens that are shut or down now."""
        return min((one.opens_at for one in self.passed_over if one.opens_at is not None), default=None)

    @property
    def lacks_deposit(self) -> bool:
        """Whether there would be a route, were it no deposit."""
        takes = [one.route.serves.takes(Kind.DEPOSIT, Line.MOBILE) for one in self.passed_over]
        return not self.is_served and not all(takes)


def choose(
    routes: Iterable[Route], number: Number, kind: Kind, at: datetime, *, draw: str, tried: Collection[str] = ()
) -> Choice:
    """Choose the routes to a number.

    Args:
        at: when it is dialled, by our clock.
        draw: decides among equals by their weights; the same text decides alike, so a call's id does.
        tried: names of routes that failed in this try.
    """
    fitting = sorted((one for one in routes if number.digits.startswith(one.prefix)), key=lambda one: one.rank)
    usable: list[Route] = []
    passed_over: list[PassedOver] = []
    for route in fitting:
        fault = _fault(route, number, kind, at, tried)
        if fault is None:
            usable.append(route)
        else:
            passed_over.append(fault)
    ordered = [one for _, equals in groupby(usable, lambda one: one.rank) for one in _drawn(list(equals), draw)]
    reasons = [_reason(one, ordered[place - 1] if place else None) for place, one in enumerate(ordered)]
    candidates = tuple(Candidate(one, reason) for one, reason in zip(ordered, reasons, strict=True))
    return Choice(candidates, tuple(passed_over))


def drawn(equals: Sequence[Route], draw: str) -> Route:
    """Draw one of equals, as ``choose`` puts it first."""
    return next(_drawn(list(equals), draw))


def _fault(route: Route, number: Number, kind: Kind, at: datetime, tried: Collection[str]) -> PassedOver | None:
    if not route.serves.takes(kind, number.line):
        line = " for mobiles" if route.serves is Serves.BOTH else ""
        return PassedOver(route, f"it takes no {kind} messages{line}")
    if number.is_fiction and not route.trunk.server.is_loopback:
        return PassedOver(route, "its trunk is not on this machine, and the number is of fiction")
    if route.name in tried:
        return PassedOver(route, "it has failed in this try")
    opens_at = route.hours.opens_at(at)
    if opens_at > at:
        return PassedOver(route, f"it is shut: {route.hours}", opens_at)
    if route.is_down(at):
        assert route.down_until is not None
        return PassedOver(route, "it has failed too often, and rests", route.down_until)
    return None


def _drawn(equals: list[Route], draw: str) -> Iterator[Route]:
    """Draw equals in turn, each as likely as its weight says."""
    equals.sort(key=lambda one: one.name)
    while equals:
        lot = int.from_bytes(sha256(f"{draw} {len(equals)}".encode()).digest()[:8])
        lot %= sum(one.weight for one in equals)
        for route in equals:
            lot -= route.weight
            if lot < 0:
                break
        equals.remove(route)
        yield route


def _reason(route: Route, before: Route | None) -> str:
    """Say what put a route where it is: first, or after the one before it."""
    if before is None:
        return f"its prefix {route.prefix} is the longest, and nothing better is open"
    if len(route.prefix) < len(before.prefix):
        return f"its prefix {route.prefix} is shorter"
    if route.price_micros > before.price_micros:
        return "it costs more"
    if route.priority > before.priority:
        return f"its priority {route.priority} comes later"
    if route.serves is not before.serves and route.serves is Serves.DEPOSIT:
        return "it is for deposits alone"
    return f"drawn by its weight {route.weight}"


@dataclass(frozen=True, slots=True)
class Resting:
    """When a route that fails rests.

    Args:
        failures: in a row, after which it does.
        first_s: seconds, for the first time; each further failure doubles them.
        longest_s: at most.
    """

    failures: int = 5
    first_s: int = 30
    longest_s: int = 600


RESTING = Resting()


@dataclass(frozen=True, slots=True)
class Heard:
    """What the ends of some attempts say of a route, in their order.

    Args:
        failures: how many failed by the route's fault since the last that did not.
        recovered: whether one did not.
    """

    route: str
    failures: int
    recovered: bool


def heard_of(ends: Sequence[tuple[str, bool]]) -> tuple[Heard, ...]:
    """Sum up the ends of attempts: each one's route, and whether it failed by the route's fault."""
    found: dict[str, Heard] = {}
    for route, failed in ends:
        before = found.get(route, Heard(route, 0, recovered=False))
        found[route] = (
            Heard(route, before.failures + 1, before.recovered) if failed else Heard(route, 0, recovered=True)
        )
    return tuple(found[route] for route in sorted(found))
