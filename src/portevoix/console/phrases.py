"""Sentences that other rooms write in English with something of their own in them: faults, bad lines of a file."""

from __future__ import annotations

import re
from functools import cache

from portevoix.console.texts import N_, Texts
from portevoix.domain.person import Language

#: Why a webhook had no answer.
WEBHOOKS = (
    N_("the URL cannot be read"),
    N_("no complete answer within %s s"),
    N_("the host %s is not known"),
    N_("refused: the host %s leads to an address that is not public"),
    N_("refused: a socket of this machine"),
    N_("the connection was lost"),
    N_("the certificate is not trusted: %s"),
    N_("TLS failed: %s"),
    N_("no connection: %s"),
    N_("no proper HTTP answer: %s"),
)

#: What is wrong with a line of a tariff file.
TARIFFS = (
    N_("a tariff has at most %s lines"),
    N_("%s to %s was priced on a line before"),
    N_("the file has no rates"),
    N_("the header is %s (the last three optional)"),
    N_("a line has at most %s characters"),
    N_("not CSV: %s"),
    N_("%s cells under a header of %s"),
    N_("%s: empty"),
    N_("product: one of %s, not %s"),
    N_("%s: not whole seconds: %s"),
    N_("%s: not a sum in euros: %s (write 19 or 0.05, at most six places)"),
    N_("%s: a sum is at most 1000000000 euros"),
    N_("prefix: 1 to 15 digits in E.164 without the plus"),
    N_("a price is from 0 to 1000000000 euros"),
    N_("minimum_s: whole seconds from 0 to 3600"),
    N_("increment_s: whole seconds from 1 to 3600"),
    N_("minimum_s and increment_s are for timed products only"),
)

#: What a carrier notes beside the word for it.
CALLS = (
    N_("every RTP port is taken"),
    N_("the trunk has said nothing"),
    N_("the trunk has said nothing for %s s"),
)


@cache
def _shapes() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every sentence as a pattern, the longer first: no shorter one takes its words for something of its own."""
    sentences = sorted({*WEBHOOKS, *TARIFFS, *CALLS}, key=len, reverse=True)
    return tuple((re.compile(re.escape(one).replace("%s", "(.*?)"), re.DOTALL), one) for one in sentences)


def phrase(texts: Texts, text: str) -> str:
    """Say a sentence; one that is not known here is said as it is, in English."""
    if texts.language is Language.EN:
        return text
    for shape, sentence in _shapes():
        if found := shape.fullmatch(text):
            return texts.say(sentence) % found.groups() if found.groups() else texts.say(sentence)
    return text
