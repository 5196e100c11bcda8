"""How the end of a call that nobody answered is read from what Asterisk tells, by the table of the SIP carrier.

Asterisk makes a Q.850 cause up for every SIP response code, 21 (declined) for a 403 too, and does not look at the
Reason header of a refusal (seen with 22.10). So the code counts alone where there is one. The cause counts for
technologies that have it from their network: DAHDI, IAX2, and Asterisk before 22.4.

A trunk that has said nothing at all for 32 s comes as 408 (RFC 3261, 17.1.1.2), as one from the far end would.
"""

from __future__ import annotations

from portevoix.carrier.sip.causes import Q850, Refusal, outcome_of
from portevoix.domain.call import Outcome

SILENT = 408


def outcome_of_end(cause: int, tech_cause: int | None, *, rang: bool) -> Outcome:
    """Tell what it means that a channel has gone before anybody answered.

    Args:
        cause: Q.850, or 0.
        tech_cause: the SIP response code.
        rang: whether the phone had rung before.
    """
    if tech_cause == SILENT and not rang:
        return Outcome.CONGESTION  # no phone has rung: another route may do better
    if tech_cause is not None and tech_cause >= 300:
        return outcome_of(Refusal(tech_cause, rang=rang))
    return Q850.get(cause, Outcome.NO_ANSWER if rang else Outcome.UNREACHABLE)
