"""How calls through Asterisk are set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from portevoix.audio.answering.terms import Terms
from portevoix.carrier.sip.terms import MOST_RECORDED_S, Answering
from portevoix.domain.errors import InvalidValue


class AsteriskTermsInvalid(InvalidValue):
    """Calls through Asterisk cannot be set up as described."""

    code = "asterisk_terms_invalid"


@dataclass(frozen=True, slots=True)
class AsteriskTerms:
    """How calls through Asterisk are set up.

    Args:
        sounds: the folder where messages are laid for Asterisk to play.
        seen_as: what Asterisk calls that folder; ``None`` for the same.
        ring_timeout_s: how long a phone rings before the call is given up.
        answering: when a voice SMS begins to play.
        tail_ms: silence between a message's last sample and the end of the call.
        look_every_s: seconds between two looks at how an endpoint fares.
        request_timeout_s: how long Asterisk may take to answer a request.
        analyser: ``module:name`` of what makes an answering-machine analyser; empty for none, and no deposits.
        amd: what it judges by.
        record_s: seconds of what the far end says that are kept from the answer on, for proof; 0 for none.

    Raises:
        AsteriskTermsInvalid.
    """

    sounds: Path
    seen_as: PurePosixPath | None = None
    ring_timeout_s: float = 45.0
    answering: Answering = Answering.AT_ONCE
    tail_ms: int = 400
    look_every_s: float = 30.0
    request_timeout_s: float = 5.0
    analyser: str = "portevoix.audio.answering.analyser:Analyser"
    amd: Terms = field(default_factory=Terms)
    record_s: int = 0

    def __post_init__(self) -> None:
        if not self.sounds.is_absolute() or not self.there.is_absolute():
            raise AsteriskTermsInvalid("the folder of sounds is given from the root on")
        if min(self.ring_timeout_s, self.look_every_s, self.request_timeout_s) <= 0 or self.tail_ms < 0:
            raise AsteriskTermsInvalid("timeouts and intervals are above 0")
        if not 0 <= self.record_s <= MOST_RECORDED_S:
            raise AsteriskTermsInvalid(f"at most {MOST_RECORDED_S} s of a call are kept")

    @property
    def there(self) -> PurePosixPath:
        """What Asterisk calls the folder of sounds."""
        return self.seen_as or PurePosixPath(self.sounds)
