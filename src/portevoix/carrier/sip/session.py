"""One call, from INVITE to BYE. All of it runs in the signalling thread."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from portevoix.audio.answering.heard import Heard
from portevoix.carrier.sip.answering import PLAY_OUT_S, HangUp, Note, Plan, Play, Step, summary
from portevoix.carrier.sip.causes import Refusal, outcome_of, read_reason
from portevoix.carrier.sip.compat import Answer, Request, Response, Stack, Timer, Transaction, is_local
from portevoix.carrier.sip.dialog import Dialog, Identity, authorise, hang_up, is_stale
from portevoix.carrier.sip.door import SUPPORTED
from portevoix.carrier.sip.ear import Ear, Listening
from portevoix.carrier.sip.forks import MOST_FORKS, Forks
from portevoix.carrier.sip.indialog import InDialog
from portevoix.carrier.sip.keeping import Kept
from portevoix.carrier.sip.redirect import Redirects
from portevoix.carrier.sip.refresh import LEAST_S
from portevoix.carrier.sip.reliable import Reliable
from portevoix.carrier.sip.sdp import Local, Media, SdpRefused
from portevoix.carrier.sip.sounds import Sounds
from portevoix.carrier.sip.sources import Sources
from portevoix.carrier.sip.stream import NoPort, Ports, Stream
from portevoix.carrier.sip.terms import SipTerms
from portevoix.carrier.sip.wheel import MediaThread
from portevoix.carrier.sip.wire import Answered, Begin, Ended, FromProcess, Rang
from portevoix.domain.call import Answerer, Outcome

LINGER_S = 32.0
"""How long a dialog that is over still answers (RFC 3261, 17: 64 times T1)."""
MOST_TRACE = 64
MOST_CHALLENGES = 3
"""A server's and a proxy's, and one whose nonce was too old."""


@dataclass(frozen=True, slots=True)
class Means:
    """What calls of one process share."""

    terms: SipTerms
    stack: Stack
    media: MediaThread
    ports: Ports
    ear: Ear
    sounds: Sounds
    sources: Sources
    tell: Callable[[FromProcess], None]


class Stage(Enum):
    """Where a call stands."""

    CALLING = auto()
    ANSWERED = auto()
    CANCELLING = auto()  # reported already; a 2xx that comes yet is ended at once
    OVER = auto()


class Session:
    """One call.

    Args:
        means: what calls share.
        begin: what is asked for.
        on_gone: called when nothing of the call is left.
    """

    def __init__(self, means: Means, begin: Begin, on_gone: Callable[[], None]) -> None:
        self._means = means
        self._begin = begin
        self._peer = begin.peer
        self._on_gone = on_gone
        self._terms = means.terms
        identity = Identity(begin.peer, begin.user, begin.caller, begin.is_asserted)
        self.dialog = Dialog(means.stack, identity, begin.peer.addresses[0])
        self._identity = identity
        self._redirects = Redirects(begin.peer, begin.user, means.terms.redirects_most)
        self._plan = Plan(begin.mode, means.terms.answering, means.terms.tail_ms)
        self.stage = Stage.CALLING
        self.stream: Stream | None = None
        self.local: Local | None = None
        self.media: Media | None = None
        self._listening: Listening | None = None
        self._kept = Kept(means.terms.record_s) if means.terms.record_s else None
        self._recorded = b""
        self._invite: Request = None
        self._transaction: Transaction = None
        self._reliable: Reliable
        self._forks: Forks
        self._allowed: list[str] = list(begin.peer.addresses)
        self._timers: dict[str, Timer] = {}
        self._session_s = means.terms.session_s
        self._min_s = LEAST_S
        self._challenges = 0
        self._authorised: dict[str, str] = {}
        self.early: dict[str | None, str] = {}
        self._rang_at: float | None = None
        self._answered_at: float | None = None
        self._trace: list[tuple[float, str, str]] = []
        self._indialog = InDialog(self, means.stack, begin.peer, means.terms.session_s)

    # -- the way to the answer

    def start(self) -> None:
        """Send the INVITE."""
        try:
            self.stream = Stream(self._means.ports.take())
        except NoPort:
            self.note("no_port", "every RTP port is taken")
            self._end(Outcome.CONGESTION, None)
            self._gone()
            return
        self.local = Local(self._terms.shown, self.stream.port, random.getrandbits(31))
        self._means.media.add(self.stream)
        self._means.sources.allow(self._allowed)
        self._means.stack.transactions.regConsumer(self, self.dialog.call_id)
        self._send_invite()
        self._after("ring", self._terms.ring_timeout_s, self._unanswered)

    def _send_invite(self) -> None:
        assert self.local is not None
        headers = [
            *self._identity.headers(),
            *self._begin.headers,
            ("Supported", ", ".join(SUPPORTED)),
            ("Session-Expires", str(self._session_s)),
            ("Min-SE", str(self._min_s)),
            *self._authorised.items(),
        ]
        stack, peer = self._means.stack, self._peer
        self._invite = self.dialog.request("INVITE", headers, self.local.offer())
        self._reliable = Reliable(stack, peer, self.dialog)
        self._forks = Forks(stack, peer, self.dialog, tuple(self._authorised.items()), self._reliable.early)
        self.early.clear()
        self._transaction = stack.invite(self._invite, self._responded, self._forks.take)
        self._after("trying", self._terms.trying_timeout_s, self._dead)

    def _responded(self, response: Response, transaction: Transaction) -> None:
        if transaction is not self._transaction and transaction is not None and self.stage is not Stage.CANCELLING:
            return
        code = response.getSCode()[0]
        self._cancel("trying")
        if code < 200:
            if self._reliable.take(response):
                self._proceeds(code, response)
        elif self.stage is not Stage.CALLING:
            self._came_late(code, response)
        elif code < 300:
            self._accepted(response)
        elif not self._tries_again(code, response):
            self._refused(code, response)

    def _proceeds(self, code: int, response: Response) -> None:
        if self.stage is not Stage.CALLING:
            return
        has_early_media = response.getBody() is not None and code > 100
        if (code == 180 or has_early_media) and self._rang_at is None:  # some trunks ring within early media alone
            self._rang_at = self._now()
            self._means.tell(Rang(self._begin.key, self._rang_at))
        if has_early_media:
            if not self.early:
                self.note("early_media", f"code={code}")
            tag = response.getHFBody("to").getTag()
            if tag in self.early or len(self.early) < MOST_FORKS:
                self.early[tag] = str(response.getBody())

    def _tries_again(self, code: int, response: Response) -> bool:
        """Send the INVITE again where a refusal says how: with credentials, a longer session, to another place."""
        if code in (401, 407) and self._challenges < MOST_CHALLENGES:
            authorised = authorise(self._invite, response, self._peer)
            if authorised is None or (authorised[0] in self._authorised and not is_stale(response)):
                return False
            self._challenges += 1
            self._authorised |= [authorised]
        elif code == 422 and response.countHFs("min-se") and self._min_s == LEAST_S:
            least = str(response.getHFBody("min-se")).partition(";")[0].strip()
            self._min_s = int(least) if least.isdecimal() and len(least) < 6 else LEAST_S
            if self._min_s <= LEAST_S:
                return False
            self._session_s = max(self._session_s, self._min_s)
        elif 300 <= code < 400 and self._rang_at is None:  # else it would ring again
            place = self._redirects.follow(response)
            if place is None:
                return False
            self.note("redirect", f"code={code} to={place.target}")
            self.dialog.redirect(place.target, place.address, place.port)
            self._allow(place.address)
            self._authorised.clear()
            self._peer = self._redirects.peer_at(place)
            self._indialog = InDialog(self, self._means.stack, self._peer, self._terms.session_s)
        else:
            return False
        self._forks.close()
        self._send_invite()
        return True

    def _allow(self, address: str) -> None:
        """Answer an address that the trunk has named, for as long as the call lasts."""
        if address not in self._allowed:
            self._allowed.append(address)
            self._means.sources.allow([address])

    def _refused(self, code: int, response: Response) -> None:
        self._forks.close()
        if is_local(response):
            self.note("no_response", "the trunk has said nothing")
            self._end(Outcome.CONGESTION if self._rang_at is None else Outcome.NO_ANSWER, code)
        else:
            reasons = [read_reason(str(one.body)) for one in response.getHFs("reason")]
            q850 = next((one for one in reasons if one is not None), None)
            self.note("refused", f"code={code}" + ("" if q850 is None else f" q850={q850}"))
            self._end(outcome_of(Refusal(code, q850, rang=self._rang_at is not None)), code)
        self._gone()

    def _dead(self) -> None:
        """Nothing has come, not even a 100: the trunk is dead, the phone has not rung as far as anybody can tell."""
        self.note("no_response", f"the trunk has said nothing for {self._terms.trying_timeout_s:g} s")
        self._give_up(Outcome.CONGESTION, 408)

    def _unanswered(self) -> None:
        self._give_up(Outcome.NO_ANSWER, None)

    def _give_up(self, outcome: Outcome, cause: int | None) -> None:
        """Cancel the INVITE, and report at once. A 2xx that crosses the CANCEL is ended by BYE, and nothing billed."""
        self.stage = Stage.CANCELLING
        self._means.stack.cancel(self._transaction)
        self._end(outcome, cause, Stage.CANCELLING)
        self._after("gone", LINGER_S * 2, self._gone)

    def _came_late(self, code: int, response: Response) -> None:
        if code < 300 and not self.dialog.is_established:
            self._establish(response)
            self._bye()
            self._after("gone", LINGER_S, self._gone)
        elif code >= 300:
            self._gone()

    # -- the answer

    def _establish(self, response: Response) -> None:
        """Go on in the dialog of a 2xx."""
        dialog = self._forks.dialog_of(response)
        dialog.remote_number = self.dialog.remote_number
        self.dialog = dialog
        self._allow(dialog.hop)  # it need not be the trunk's own address, and will answer and send BYE

    def _accepted(self, response: Response) -> None:
        assert self.stream is not None
        assert self.local is not None
        self._cancel("ring")
        self._establish(response)
        try:
            if not self.dialog.is_established:
                raise SdpRefused("the answer bears no tag")
            # Some gateways describe their media in the 183 alone.
            early = self.early.get(response.getHFBody("to").getTag(), "")
            media = self.local.read(early if response.getBody() is None else str(response.getBody()))
        except SdpRefused as error:
            self.note("no_media", str(error))
            self._rang_at = self._rang_at or self._now()  # somebody took it: it is tried nowhere else
            self._take_leave(Outcome.CONGESTION, 488)
            return
        self.stage = Stage.ANSWERED
        self._answered_at = self._now()
        self._means.tell(Answered(self._begin.key, self._answered_at))
        self.media = media
        if self._kept is not None:
            self.stream.keeper = self._kept.take
        self._follow(self._plan.answered())  # before anything can leave: its first frame is the first of all
        self.aim(media)
        self._after("longest", self._begin.longest_s + PLAY_OUT_S, self._cut)
        self._indialog.agreed(response)
        if self._plan.listens and self.stage is Stage.ANSWERED:
            listening = self._means.ear.listen(self._heard, self._deaf, self._plan.wait_ms)
            self._listening, self.stream.listener = listening

    def aim(self, media: Media) -> None:
        """Send media as the far end wants them from now on."""
        assert self.stream is not None
        if self.media is not None and media.hears != self.media.hears:
            self.note("resumed" if media.hears else "hold")
        if self.media is not None and media.codec is not self.media.codec and self.stream.is_playing:
            self.stream.respeak(media.codec, self._means.sounds.spoken(self._begin.sha256, media.codec))
        self.media = media
        self.stream.aim(media, self._begin.peer.addresses)

    def _follow(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Play():
                    self._play()
                case Note():
                    self.note(step.what, step.detail)
                case HangUp():
                    self._after("hang_up", step.after_ms / 1_000, self._hang_up, step)

    def _play(self) -> None:
        assert self.stream is not None
        assert self.media is not None
        self._cancel("hang_up")
        codec = self.media.codec
        sound = self._means.sounds.spoken(self._begin.sha256, codec)
        self.stream.play(codec, sound, lambda: self._means.stack.soon(self._played))
        if not self._plan.listens:
            self._stop_listening()

    def _played(self) -> None:
        if self.stage is Stage.ANSWERED and self.stream is not None and not self.stream.is_playing:
            self.note("played")
            self._follow(self._plan.played())

    def _heard(self, heard: Sequence[Heard], at_ms: int) -> None:
        if self.stage is Stage.ANSWERED:
            self._follow(self._plan.hear(heard, at_ms))

    def _deaf(self) -> None:
        if self.stage is Stage.ANSWERED:
            self._stop_listening()
            self._follow(self._plan.deaf())

    # -- the end

    def hang_up(self) -> None:
        """End the call, because we are asked to."""
        if self.stage is Stage.CALLING:
            self._give_up(Outcome.NO_ANSWER, None)
        else:
            self._cut()

    def fail(self, outcome: Outcome) -> None:
        """Report a call that a defect ended, unless it was reported."""
        if self.stage in (Stage.CALLING, Stage.ANSWERED):
            self._end(outcome, None)
            self._gone()

    def lose(self) -> None:
        """End a call whose media a defect has ended: what was heard of it nobody knows."""
        if self.stage is Stage.CALLING:
            self._give_up(Outcome.LOST, None)
        elif self.stage is Stage.ANSWERED:
            self.note("media_lost")
            self._take_leave(Outcome.LOST)

    def _cut(self) -> None:
        """End the call because its time is over."""
        if self.stage is Stage.ANSWERED:
            self.note("cut")
            self._hang_up(self._plan.cut())

    def _hang_up(self, step: HangUp) -> None:
        if self.stage is Stage.ANSWERED:
            self._take_leave(step.outcome, answerer=step.answerer)

    def left(self) -> None:
        """The far end has sent BYE, or is gone."""
        if self.stage is Stage.ANSWERED:
            step = self._plan.left()
            self.note("far_end_hung_up")
            self._end(step.outcome, None, answerer=step.answerer)
            self._after("gone", LINGER_S, self._gone)
        elif self.stage is Stage.CALLING:
            self._give_up(Outcome.UNREACHABLE, None)  # other phones may ring yet

    def lost_session(self) -> None:
        """End a call that nobody has refreshed (RFC 4028, 10)."""
        if self.stage is Stage.ANSWERED:
            self.note("session_expired")
            step = self._plan.left()
            self.note("far_end_hung_up")
            self._take_leave(step.outcome, answerer=step.answerer)

    def _take_leave(self, outcome: Outcome, cause: int | None = None, answerer: Answerer = Answerer.UNKNOWN) -> None:
        """Say BYE, and report the end whatever comes of that."""
        try:
            self._bye()
        finally:
            self._end(outcome, cause, answerer=answerer)
            self._after("gone", 2 * LINGER_S, self._gone)

    def _bye(self) -> None:
        hang_up(self._means.stack, self.dialog, self._peer, self._gone)

    def _end(
        self,
        outcome: Outcome,
        cause: int | None,
        stage: Stage = Stage.OVER,
        answerer: Answerer = Answerer.UNKNOWN,
    ) -> None:
        """Report how the call ended, once, and let its media go."""
        ended_at = self._now()
        self.stage = stage
        digits = ""
        for name in list(self._timers):
            self._cancel(name)
        self._indialog.stop()
        self._stop_listening()
        if self.stream is not None:
            self.stream.digits.finish()
            digits = self.stream.digits.pressed
            if self._answered_at is not None:
                self._sum_up(self.stream)
        ended = Ended(
            key=self._begin.key,
            at=ended_at,
            outcome=outcome,
            cause=cause,
            rang_at=self._rang_at,
            answered_at=self._answered_at,
            answerer=answerer,
            digits=digits,
            trace=tuple(self._trace),
            recorded=self._recorded,
        )
        self._means.tell(ended)  # whatever letting go of its media comes to
        stream, self.stream = self.stream, None
        if stream is not None:
            self._means.media.remove(stream)

    def _gone(self) -> None:
        """Forget the call."""
        for name in list(self._timers):
            self._cancel(name)
        if self._means.stack.transactions.req_consumers.get(self.dialog.call_id):
            self._means.stack.transactions.unregConsumer(self, self.dialog.call_id)
            self._means.sources.refuse(self._allowed)
        self._on_gone()

    # -- requests of the far end, as sippy hands them up

    def isYours(self, request: Request) -> Session | None:  # noqa: N802 - sippy's name
        """Tell sippy whether a request is of this call."""
        return self if self.dialog.is_ours(request) else None

    def recvRequest(self, request: Request, transaction: Transaction) -> Answer:  # noqa: N802 - sippy's name
        """Answer a request of this call."""
        return self._indialog.answer(request, transaction)

    # -- odds and ends

    def _now(self) -> float:
        """Tell the moment, in seconds since 1970."""
        return self._begin.epoch_s + time.monotonic()

    def note(self, what: str, detail: str = "") -> None:
        """Keep something for the call's timeline."""
        if len(self._trace) < MOST_TRACE:
            self._trace.append((self._now(), what, detail))

    def _sum_up(self, stream: Stream) -> None:
        """Note what there is to say of an answered call as a whole."""
        if self._listening is not None and self._listening.verdict is not None:
            summed = summary(self._listening.verdict)
            self.note(summed.what, summed.detail)
        if self._kept is not None:
            stream.keeper = None
            self._recorded = self._kept.alaw()
            if self._recorded:
                self.note("recorded", f"ms={self._kept.ms}")
        self.note("rtp", stream.summary())

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.end()
        if self.stream is not None:
            self.stream.listener = None

    def _after(self, name: str, seconds: float, step: Callable[..., None], *arguments: object) -> None:
        self._cancel(name)
        self._timers[name] = self._means.stack.after(seconds, step, *arguments)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
