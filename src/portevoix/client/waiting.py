# SPDX-License-Identifier: MIT
"""How long to wait for a message, and how often to look; no I/O here."""

from __future__ import annotations

from portevoix.client.errors import ApiError, TimedOut, UnexpectedAnswer, VoicePartnerError

#: Steps between looks, where the caller names none: short at first, then longer and longer.
FIRST_STEP_S = 0.25
LONGEST_STEP_S = 5.0
GROWTH = 1.5

#: How many looks in a row may fail before the failure is told.
MOST_FAILURES = 5

_BUSY = frozenset({429, 502, 503, 504})


class Waiting:
    """One wait, from its beginning on.

    Args:
        now_s: a clock that only goes forward.
        timeout_s: how long in all; ``None`` for as long as it takes.
        poll_s: the step between looks; ``None`` for steps that grow.
    """

    def __init__(self, now_s: float, timeout_s: float | None, poll_s: float | None) -> None:
        self._ends_s = None if timeout_s is None else now_s + timeout_s
        self._step_s = FIRST_STEP_S if poll_s is None else poll_s
        self._growth = GROWTH if poll_s is None else 1
        self._failures = 0

    def looked(self, now_s: float) -> float:
        """Tell how long to wait after a look. Raises TimedOut."""
        self._failures = 0
        step_s, self._step_s = self._step_s, max(self._step_s, min(self._step_s * self._growth, LONGEST_STEP_S))
        return self._within(now_s, step_s)

    def failed(self, now_s: float, fault: VoicePartnerError) -> float:
        """Tell how long to wait after a look that failed.

        Raises:
            VoicePartnerError: the fault itself, where looking again is of no use, or has failed too often.
            TimedOut.
        """
        self._failures += 1
        is_final = isinstance(fault, ApiError | UnexpectedAnswer) and fault.status not in _BUSY
        if is_final or self._failures > MOST_FAILURES:
            raise fault
        asked_s = fault.retry_after if isinstance(fault, ApiError) and fault.retry_after is not None else 0
        return self._within(now_s, max(self._step_s, asked_s))

    def _within(self, now_s: float, pause_s: float) -> float:
        """Wait no longer than there is time, so that the last look is at its end."""
        if self._ends_s is None:
            return pause_s
        if now_s >= self._ends_s:
            raise TimedOut("the message is not over yet")
        return min(pause_s, self._ends_s - now_s)
