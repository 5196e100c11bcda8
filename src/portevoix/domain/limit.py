"""Rate limits: the generic cell rate algorithm, in whole microseconds.

GCRA keeps one number a caller, the theoretical arrival time: when its allowance would be whole again.
Source: ITU-T I.371, annex A (virtual scheduling).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from portevoix.domain.errors import InvalidValue

_PERIODS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LIMIT = re.compile(r"(?P<count>[0-9]{1,6})/(?P<period>second|minute|hour|day)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests a period; the whole allowance may be used at once.

    Args:
        count: requests, above 0.
        period_s: length of the period in seconds.
        interval_us: microseconds that one request uses up.
        burst_us: microseconds of allowance when nothing was used.
    """

    count: int
    period_s: int
    interval_us: int = field(init=False, repr=False, compare=False)
    burst_us: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval_us", self.period_s * 1_000_000 // self.count)
        object.__setattr__(self, "burst_us", self.interval_us * self.count)

    @classmethod
    def parse(cls, text: str) -> Limit | None:
        """Read ``5/minute``; ``off`` lifts the limit and gives ``None``.

        Raises:
            InvalidValue: neither.
        """
        if text.strip() == "off":
            return None
        match = _LIMIT.fullmatch(text.strip())
        if match is None or int(match["count"]) == 0:
            raise InvalidValue(f"not a limit: {text[:40]!r} (write 5/minute, 2000/hour, or off)")
        return cls(int(match["count"]), _PERIODS_S[match["period"]])

    def __str__(self) -> str:
        name = next(name for name, length_s in _PERIODS_S.items() if length_s == self.period_s)
        return f"{self.count}/{name}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request was counted, or refused.

    Args:
        admitted: whether the request may pass.
        limit: requests a period.
        remaining: requests that could pass right now.
        reset_us: Unix time in microseconds when the allowance is whole again.
        retry_after_s: whole seconds to wait before the next try; 0 where it passed.
    """

    admitted: bool
    limit: int
    remaining: int
    reset_us: int
    retry_after_s: int


def count(limit: Limit, arrival_us: int | None, now_us: int) -> tuple[Allowance, int]:
    """Count one request.

    Args:
        limit: what is allowed.
        arrival_us: the caller's theoretical arrival time as last returned; ``None`` for a new caller.
        now_us: Unix time in microseconds.

    Returns:
        the allowance, and the arrival time to keep (unchanged where the request was refused).
    """
    start_us = max(arrival_us or 0, now_us)
    next_us = start_us + limit.interval_us
    if next_us - now_us > limit.burst_us:
        return refused(limit, start_us, now_us), start_us
    return admitted(limit, next_us, now_us), next_us


def admitted(limit: Limit, arrival_us: int, now_us: int) -> Allowance:
    """Tell a caller what is left once its request was counted."""
    remaining = (limit.burst_us - (arrival_us - now_us)) // limit.interval_us
    return Allowance(True, limit.count, remaining, arrival_us, 0)


def refused(limit: Limit, arrival_us: int, now_us: int) -> Allowance:
    """Tell a caller whose allowance is used up when to come back."""
    wait_us = max(arrival_us + limit.interval_us - limit.burst_us - now_us, 1)
    return Allowance(False, limit.count, 0, arrival_us, -(-wait_us // 1_000_000))
