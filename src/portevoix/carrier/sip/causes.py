"""How a call's refusal is read: SIP response code and Reason header (RFC 3326, ITU-T Q.850) to an outcome.

A code that names the recipient's answer counts by itself. Codes that gateways use for many things, and all
of 5xx, let a Q.850 cause speak first where it came along: it is what the telephone network really said.
Nothing that the recipient said leads to another route: that would ring the same phone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from portevoix.domain.call import Outcome

#: These say all by themselves (RFC 3261, 21; RFC 8197; RFC 8688).
PLAIN: dict[int, Outcome] = {
    404: Outcome.INVALID_NUMBER,
    410: Outcome.INVALID_NUMBER,
    484: Outcome.INVALID_NUMBER,
    485: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    600: Outcome.BUSY,
    603: Outcome.DECLINED,
    604: Outcome.INVALID_NUMBER,
    607: Outcome.BLOCKED,
    608: Outcome.BLOCKED,
}

#: These mean what a Q.850 cause makes of them, and this where there is none.
VAGUE: dict[int, Outcome] = {
    # the trunk's operator refuses us, not the recipient
    401: Outcome.CONGESTION,
    402: Outcome.CONGESTION,
    403: Outcome.CONGESTION,
    407: Outcome.CONGESTION,
    # the trunk cannot take the call as we make it
    400: Outcome.CONGESTION,
    405: Outcome.CONGESTION,
    415: Outcome.CONGESTION,
    420: Outcome.CONGESTION,
    421: Outcome.CONGESTION,
    422: Outcome.CONGESTION,
    429: Outcome.CONGESTION,
    482: Outcome.CONGESTION,
    483: Outcome.CONGESTION,
    488: Outcome.CONGESTION,
    606: Outcome.CONGESTION,
    # the recipient cannot be had
    408: Outcome.UNREACHABLE,
    480: Outcome.UNREACHABLE,
    487: Outcome.NO_ANSWER,
}

#: ITU-T Q.850, table 1; what is not here says nothing (16, 31, 127).
Q850: dict[int, Outcome] = {
    1: Outcome.INVALID_NUMBER,  # unallocated number
    2: Outcome.CONGESTION,  # no route to the transit network
    3: Outcome.CONGESTION,  # no route to the destination
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,  # no user responding
    19: Outcome.NO_ANSWER,  # user alerted
    20: Outcome.UNREACHABLE,  # subscriber absent
    21: Outcome.DECLINED,
    22: Outcome.INVALID_NUMBER,  # number changed
    27: Outcome.UNREACHABLE,  # destination out of order
    28: Outcome.INVALID_NUMBER,  # incomplete
    34: Outcome.CONGESTION,  # no circuit
    38: Outcome.CONGESTION,  # network out of order
    41: Outcome.CONGESTION,  # temporary failure
    42: Outcome.CONGESTION,  # switching equipment
    44: Outcome.CONGESTION,  # requested circuit
    47: Outcome.CONGESTION,  # resource unavailable
    50: Outcome.CONGESTION,  # facility not subscribed
    55: Outcome.BLOCKED,  # incoming calls barred
    57: Outcome.CONGESTION,  # bearer capability not authorised
    58: Outcome.CONGESTION,  # bearer capability not available
    65: Outcome.CONGESTION,  # bearer capability not implemented
    88: Outcome.CONGESTION,  # incompatible destination
    102: Outcome.CONGESTION,  # recovery on timer expiry
    111: Outcome.CONGESTION,  # protocol error
}

_REASON = re.compile(r"\s*Q\.850\s*(?:;[^,]*?)?;\s*cause\s*=\s*(\d{1,3})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call was refused.

    Args:
        code: the SIP response code.
        q850: the cause of a Reason header, where there was one.
        rang: whether the phone had rung before.
    """

    code: int
    q850: int | None = None
    rang: bool = False


def read_reason(header: str) -> int | None:
    """Read the Q.850 cause of a Reason header; ``None`` for other protocols and for what cannot be read."""
    found = _REASON.match(header[:256])
    return int(found[1]) if found else None


def outcome_of(refusal: Refusal) -> Outcome:
    """Tell what a refusal means."""
    if refusal.code in PLAIN:
        return PLAIN[refusal.code]
    if refusal.q850 in Q850:
        return Q850[refusal.q850]
    if refusal.code == 408 and refusal.rang:
        return Outcome.NO_ANSWER
    if refusal.code in VAGUE:
        return VAGUE[refusal.code]
    if refusal.code >= 600:
        return Outcome.DECLINED  # a global failure: no other place would do better (RFC 3261, 21.6)
    if 400 <= refusal.code < 500:
        return Outcome.UNREACHABLE
    return Outcome.CONGESTION  # 5xx, and 3xx that lead nowhere
