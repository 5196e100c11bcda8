"""How a call's media went, as Asterisk tells it when the channel goes: in its variable ``RTPAUDIOQOS``.

Its names cross: ``txjitter`` is of what we receive, ``rxjitter`` what the far end has reported of ours; ``lp`` is what
we have lost, ``rlp`` what the far end has. Lost packets are as of Asterisk's last RTCP report, one each 5 s (seen with
22.10).
"""

from __future__ import annotations

from contextlib import suppress

VARIABLE = "RTPAUDIOQOS"


def summary(told: str) -> str:
    """Tell how the media went, as a call's timeline shows it; empty where nothing can be read.

    Args:
        told: ``name=value`` pairs with a semicolon between two of them; jitter in seconds.
    """
    values: dict[str, float] = {}
    for pair in told.split(";"):
        name, _, value = pair.partition("=")
        with suppress(ValueError):
            values[name] = float(value)
    try:
        said = f"sent={values['txcount']:.0f} received={values['rxcount']:.0f} lost={values['lp']:.0f}"
        said += f" jitter_ms={values['txjitter'] * 1_000:.1f}"
        if values["rlp"] or values["rxjitter"]:  # else it has lost nothing, or reported nothing: who knows
            said += f" far_end_lost={values['rlp']:.0f} far_end_jitter_ms={values['rxjitter'] * 1_000:.1f}"
    except KeyError:
        return ""
    return said
