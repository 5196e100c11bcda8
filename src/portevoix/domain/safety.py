"""What is never dialled over a trunk, and how much an account may send a day.

A prepaid balance limits what a stolen key can cost its owner. These rules limit what it can cost whoever runs the
trunk: calls to places that nobody meant to sell, and many of them before anybody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.number import Number
from portevoix.domain.schedule import PARIS

#: France's own, overseas included: what is on where nobody has set it.
FRANCE = frozenset({"fr", "gf", "gp", "mq", "re", "yt"})

#: In E.164: France's special numbers; satellites and other networks of no country; the world's freephone, shared cost
#: and premium rate numbers (ITU-T E.164, E.169).
NEVER = ("338", "870", "878", "881", "882", "883", "888", "979", "800", "808")

#: Shorter ones are short codes, of emergency services among others.
SHORTEST_DIGITS = 8


class NotAllowed(DomainError):
    """A number is never dialled over a trunk; it is told as a recipient that is refused."""

    code = "destination_invalid"


class CapReached(DomainError):
    """A day's allowance of calls, or of what they may cost, does not cover the message."""

    code = "daily_cap_reached"


class AllowanceOfSandbox(InvalidValue):
    """A sandbox has no allowance of its own: its phones are simulated."""

    code = "allowance_of_sandbox"


@dataclass(frozen=True, slots=True)
class Cap:
    """What may be sent a day (Europe/Paris) over trunks.

    Args:
        calls: at most; ``None`` for any number.
        micros: that are set aside for them at most; ``None`` for any sum.
    """

    calls: int | None = None
    micros: int | None = None

    def __str__(self) -> str:
        """Write it as ``parse_cap`` reads it."""
        euros = "off" if self.micros is None else self.micros // MICROS_PER_EURO
        return f"{'off' if self.calls is None else self.calls}/{euros}"


@dataclass(frozen=True, slots=True)
class OwnAllowance:
    """What one account may, where that differs from what every account may.

    Args:
        cap: in place of the installation's, narrower or wider; ``None`` where that one counts.
        countries: that it may call, of those that the installation lets be called; ``None`` for all of them.
    """

    cap: Cap | None = None
    countries: frozenset[str] | None = None


NOTHING_OWN = OwnAllowance()


@dataclass(frozen=True, slots=True)
class Safety:
    """What the operator lets trunks do.

    Args:
        countries: that may be called, ISO 3166 alpha-2 in lower case.
        fiction: a trunk on this machine takes the regulator's fiction blocks: for a test bench alone.
        account: the cap of each account that has none of its own.
        prefixes: further caps of each account towards numbers that begin with a prefix; the longest counts.
        alarm_calls: calls of one account within an hour that raise an alarm.
    """

    countries: frozenset[str] = FRANCE
    fiction: bool = False
    account: Cap = Cap(10_000, 500 * MICROS_PER_EURO)
    prefixes: Mapping[str, Cap] = field(default_factory=dict)
    alarm_calls: int = 2_000

    def of(self, own: OwnAllowance) -> Safety:
        """Tell what counts for one account: its cap may be any, its countries only narrow what there is."""
        if own == NOTHING_OWN:
            return self
        countries = self.countries if own.countries is None else self.countries & own.countries
        return replace(self, countries=countries, account=self.account if own.cap is None else own.cap)

    def fault(self, number: Number) -> str | None:
        """Tell why a number is never dialled over any trunk; ``None`` where it may be."""
        if number.is_fiction:
            return None if self.fiction else "a number of fiction: nobody has it"
        if number.digits.startswith(NEVER) or len(number.digits) < SHORTEST_DIGITS:
            return "a special, premium rate, satellite or short number"
        if number.country not in self.countries:
            return f"calls to this country ({number.country}) are not allowed here"
        return None

    def cap_for(self, digits: str) -> str | None:
        """Tell which prefix's cap counts for a number, if one does."""
        fitting = [prefix for prefix in self.prefixes if digits.startswith(prefix)]
        return max(fitting, key=len, default=None)


@dataclass(frozen=True, slots=True)
class Use:
    """What an account sends, or has sent, in a span of time.

    Args:
        prefix: towards numbers that begin with it; blank for all.
        span: ``day`` or ``hour``.
        since: when the span began.
        micros: what was set aside.
    """

    prefix: str
    span: str
    since: datetime
    calls: int
    micros: int


def uses(safety: Safety, sent: Iterable[tuple[str, int]], at: datetime) -> tuple[Use, ...]:
    """Count what a message adds to an account's spans.

    Args:
        sent: the digits of each recipient, and the most that its call can cost.
        at: when it is sent.
    """
    day, hour = day_of(at), at.replace(minute=0, second=0, microsecond=0)
    calls: dict[str, int] = {"": 0}
    micros: dict[str, int] = {"": 0}
    for digits, most_micros in sent:
        for prefix in {"", safety.cap_for(digits) or ""}:
            calls[prefix] = calls.get(prefix, 0) + 1
            micros[prefix] = micros.get(prefix, 0) + most_micros
    by_day = [Use(prefix, "day", day, calls[prefix], micros[prefix]) for prefix in sorted(calls)]
    return (*by_day, Use("", "hour", hour, calls[""], micros[""]))


def day_of(at: datetime) -> datetime:
    """Tell when the day of a moment began in Paris."""
    return at.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0)


def check_caps(safety: Safety, used: Iterable[Use]) -> None:
    """Check what an account has used, the message included.

    Raises:
        CapReached: it is over a cap.
    """
    for one in used:
        if one.span != "day":
            continue
        cap = safety.account if not one.prefix else safety.prefixes.get(one.prefix, Cap())
        where = f" to numbers that begin with {one.prefix}" if one.prefix else ""
        if cap.calls is not None and one.calls > cap.calls:
            raise CapReached(f"a day's {cap.calls} calls{where} do not cover the message")
        if cap.micros is not None and one.micros > cap.micros:
            raise CapReached(f"a day's {cap.micros // MICROS_PER_EURO} €{where} do not cover the message")


#: How long a span that is over is kept for people to look at.
KEPT = timedelta(days=8)


def parse_countries(text: str) -> frozenset[str]:
    """Read countries separated by commas or blanks: ``fr re be``. Raises InvalidValue."""
    found = frozenset(text.lower().replace(",", " ").split())
    strange = sorted(one for one in found if not (len(one) == 2 and one.isascii() and one.isalpha()))
    if strange:
        raise InvalidValue(f"countries are written by two letters (ISO 3166), such as fr, not {strange[0][:20]!r}")
    return found


def write_countries(countries: Iterable[str]) -> str:
    """Write countries as ``parse_countries`` reads them, in the order of the alphabet."""
    return " ".join(sorted(countries))


def parse_cap(text: str) -> Cap:
    """Read a cap: ``CALLS``, or ``CALLS/EUROS``; ``off`` in place of either lifts it. Raises InvalidValue."""
    calls, _, euros = text.partition("/")
    return Cap(_amount(calls), None if (most := _amount(euros or "off")) is None else most * MICROS_PER_EURO)


def _amount(text: str) -> int | None:
    if text == "off":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidValue(f"a cap is written CALLS/EUROS, whole numbers or off, not {text[:20]!r}")
    return int(text)


def parse_prefix_caps(text: str) -> tuple[tuple[str, Cap], ...]:
    """Read caps of prefixes: ``44=200/50 1=20``, each prefix once. Raises InvalidValue."""
    found: dict[str, Cap] = {}
    for part in text.replace(",", " ").split():
        prefix, _, cap = part.partition("=")
        if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 15 and cap):
            raise InvalidValue(f"caps of prefixes are written 44=CALLS/EUROS, not {part[:40]!r}")
        if prefix in found:
            raise InvalidValue(f"the prefix {prefix} has two caps")
        found[prefix] = parse_cap(cap)
    return tuple(found.items())
