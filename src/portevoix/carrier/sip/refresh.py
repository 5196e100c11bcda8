"""Session timers (RFC 4028): who refreshes a call, and when one counts as gone."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEAST_S = 90
"""The shortest session that we take part in (5)."""

_EXPIRES = re.compile(r"\s*(\d{1,9})\s*((?:;[^;]*)*)", re.ASCII)
_REFRESHER = re.compile(r"refresher\s*=\s*(uac|uas)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Session:
    """How long a call counts as alive without a refresh.

    Args:
        expires_s: the interval.
        is_ours: whether we refresh.
    """

    expires_s: int
    is_ours: bool

    @property
    def refresh_after_s(self) -> float:
        """When to refresh, where that is ours: at half of the interval (10)."""
        return self.expires_s / 2

    @property
    def gone_after_s(self) -> float:
        """When to send BYE, where nobody has refreshed: a third of the interval before its end, 32 s at most (10)."""
        return self.expires_s - min(32.0, self.expires_s / 3)


def read(header: str, *, we_asked: bool) -> Session | None:
    """Read a Session-Expires header; ``None`` for what cannot be read.

    Args:
        we_asked: whether it is in the response to a request of ours: then we are the uac.
    """
    found = _EXPIRES.fullmatch(header)
    if found is None or int(found[1]) == 0:
        return None
    named = _REFRESHER.search(found[2])
    refresher = named[1].lower() if named else ("uac" if we_asked else "uas")
    return Session(int(found[1]), (refresher == "uac") == we_asked)


def write(session: Session, *, we_asked: bool) -> str:
    """Write a Session-Expires header."""
    return f"{session.expires_s};refresher={'uac' if session.is_ours == we_asked else 'uas'}"
