"""One call through Asterisk, from its origination to its end.

What happens comes from many sides: events, timers, the analyser. Each becomes a step in one queue, which ``run`` takes
in turn, so that nothing of a call happens at once.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from portevoix.audio.answering.heard import Heard
from portevoix.carrier.asterisk import quality
from portevoix.carrier.asterisk.ari import Ari, AriDown, AriRefused, AriUnclear, channel_path
from portevoix.carrier.asterisk.causes import outcome_of_end
from portevoix.carrier.asterisk.events import Event
from portevoix.carrier.asterisk.hearing import Hearing
from portevoix.carrier.asterisk.sounds import Sounds
from portevoix.carrier.asterisk.tap import Tap
from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.carrier.sip.answering import PLAY_OUT_S, HangUp, Note, Plan, Play, Step
from portevoix.carrier.sip.ear import Ear
from portevoix.carrier.sip.wire import Mode
from portevoix.domain.call import Answerer, Outcome, Report, Trace
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.trunk import Path
from portevoix.ports import Clock

log = structlog.get_logger(__name__)

MARGIN_S = 60
"""After a call's longest time Asterisk ends it by itself, so long after: for when nobody is left to ask it to."""
GONE = 404
UNPLAYED_S = 1.0
"""A message that is not played was cut off by the far end, which is told just after; or it could not be played."""
FAREWELL_S = 1.0
"""How long a call that was answered waits for what Asterisk tells of its media when the channel goes."""
MOST_TRACE = 64


@dataclass(frozen=True, slots=True)
class Means:
    """What calls through one Asterisk share.

    Args:
        spawn: has something done to its end, whoever is gone meanwhile.
    """

    ari: Ari
    terms: AsteriskTerms
    clock: Clock
    sounds: Sounds
    ear: Ear
    spawn: Callable[[Coroutine[Any, Any, object]], asyncio.Task[object]]


class Call:
    """One call.

    Args:
        means: what calls share.
        dial: what is asked for.
        path: its way.
        mode: what is done with its answer.
        progress: told when it rings and when it is answered.
    """

    def __init__(self, means: Means, dial: Dial, path: Path, mode: Mode, progress: Callable[[Progress], None]) -> None:
        self.channel = f"{dial.call}-{dial.attempt}-{secrets.token_hex(4)}"
        self._means = means
        self._ari = means.ari
        self._dial = dial
        self._path = path
        self._progress = progress
        self._plan = Plan(mode, means.terms.answering, means.terms.tail_ms)
        self._steps: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._report: Report | None = None
        self._is_gone = False
        self._over = asyncio.Event()  # nothing more will be told
        longest_s = math.ceil(means.terms.ring_timeout_s) + dial.longest_s + MARGIN_S
        self._limits = {"TIMEOUT(absolute)": str(longest_s)}
        self._media = ""
        self._playback = ""
        self._playbacks = 0
        self._is_held = False
        tap = Tap(means.ari, path.trunk.server, self.channel, self._limits)
        self._hearing = Hearing(tap, means.ear, means.terms.record_s, self._heard, self._deaf, means.spawn)
        self._has_early_media = False
        self._rtp = ""
        self._rang_at: datetime | None = None
        self._answered_at: datetime | None = None
        self._keys = ""
        self._trace: list[Trace] = []

    async def run(self) -> Report:
        """Make the call, to its end. Cancelled, it hangs up; cancelled once it is over, it is reported.

        Raises:
            OSError: the message cannot be laid for Asterisk; nothing was dialled.
        """
        self._media = self._means.sounds.lay(self._dial.audio)
        self._ari.listen(self.channel, self)
        originating = self._means.spawn(self._originate())
        try:
            await asyncio.shield(originating)
            while self._report is None:
                step = await self._steps.get()
                await self._safely(step)
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._means.spawn(self._clear(originating))
        with suppress(asyncio.CancelledError):  # the call is over: whoever asked for it is still told how
            await self._farewell()
        if self._rtp:
            self.note("rtp", self._rtp)
        return replace(self._report, trace=tuple(self._trace))

    async def _safely(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step; a channel that is gone meanwhile tells its end itself."""
        try:
            await step()
        except AriRefused as error:
            if error.status != GONE:
                self.note("asterisk_refused", str(error))
        except (AriDown, AriUnclear) as error:
            self._end(Outcome.LOST, Note("connection_lost", str(error)))

    async def _clear(self, originating: asyncio.Task[object]) -> None:
        """Leave nothing behind at Asterisk, nor in the folder of sounds."""
        await asyncio.wait({originating})
        if not self._is_gone:
            await self._ari.remove(channel_path(self.channel))
        await self._hearing.close()
        await self._farewell()
        self._ari.drop(self.channel)
        self._means.sounds.forget(self._dial.audio)

    async def _farewell(self) -> None:
        """Wait a little for the channel's end, if what is told with it matters."""
        if self._answered_at is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._over.wait()

    # -- the way to the answer

    async def _originate(self) -> None:
        terms, target = self._means.terms, self._path.target
        parameters = {
            "endpoint": endpoint_of(self._path),
            "app": self._ari.app,
            "channelId": self.channel,
            "timeout": str(math.ceil(terms.ring_timeout_s) + MARGIN_S),
            "formats": "alaw",  # the first that is offered; the endpoint's others follow
        }
        if self._path.caller is not None:  # else anonymous
            parameters["callerId"] = self._path.caller
        variables = self._limits | {f"PJSIP_HEADER(add,{name})": value for name, value in target.headers}
        self._after("ring", terms.ring_timeout_s, self._unanswered)
        try:
            await self._ari.ask("POST", "channels", parameters, variables)
        except (AriDown, AriRefused) as error:
            self._is_gone = True
            what = "no_asterisk" if isinstance(error, AriDown) else "asterisk_refused"
            self._end(Outcome.CONGESTION, Note(what, str(error)))
        except AriUnclear as error:
            self._end(Outcome.LOST, Note("connection_lost", str(error)))

    async def _unanswered(self) -> None:
        self._end(Outcome.NO_ANSWER)

    # -- what Asterisk tells

    def take(self, event: Event) -> None:
        """Something has happened to the channel."""
        if event.variable == quality.VARIABLE:
            self._rtp = quality.summary(event.value)
        elif event.type == "ChannelDestroyed":
            self._is_gone = True
            self._over.set()

        async def step() -> None:
            await self._event(event)

        self._steps.put_nowait(step)

    def lose(self) -> None:
        """Nothing more will be told."""
        self._over.set()

        async def step() -> None:
            self._end(Outcome.LOST, Note("connection_lost", self._ari.failure))

        self._steps.put_nowait(step)

    async def _event(self, event: Event) -> None:
        match event.type:
            case "ChannelStateChange" if event.channel is not None and event.channel.state == "Ringing":
                self._rings()
            case "Dial" if event.dialstatus == "PROGRESS" and not self._has_early_media:
                self._has_early_media = True
                self.note("early_media")
                self._rings()  # some trunks ring within early media alone
            case "StasisStart":
                await self._answered()
            case "ChannelDtmfReceived":
                self._keys += event.digit
            case "ChannelHold" | "ChannelUnhold":
                await self._hold(is_held=event.type == "ChannelHold")
            case "PlaybackFinished" if event.playback is not None and event.playback.id == self._playback:
                await self._play_ended(has_failed=event.playback.state == "failed")
            case "ChannelHangupRequest" if self._answered_at is not None:
                self._left()
            case "ChannelDestroyed":
                self._destroyed(event)

    def _rings(self) -> None:
        if self._rang_at is None and self._answered_at is None:
            self._rang_at = self._means.clock.now()
            self._progress(Progress(self._dial.call_id, self._dial.attempt, self._rang_at))

    async def _answered(self) -> None:
        self._cancel("ring")
        self._answered_at = self._means.clock.now()
        self._progress(Progress(self._dial.call_id, self._dial.attempt, self._rang_at, self._answered_at))
        self._after("longest", self._dial.longest_s + PLAY_OUT_S, self._cut)
        await self._follow(self._plan.answered())
        self._hearing.begin(self._plan.wait_ms if self._plan.listens else None)
        if not self._playback:
            await self._silence()

    def _destroyed(self, event: Event) -> None:
        if self._answered_at is not None:
            self._left()
            return
        code = event.tech_cause
        detail = f"q850={event.cause}" if code is None else f"code={code} q850={event.cause}"
        outcome = outcome_of_end(event.cause, code, rang=self._rang_at is not None)
        self._end(outcome, Note("refused", detail), cause=code)

    def _left(self) -> None:
        step = self._plan.left()
        self._end(step.outcome, Note("far_end_hung_up"), answerer=step.answerer)

    # -- what is done with the answer

    async def _follow(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Play():
                    await self._play()
                case Note():
                    self.note(step.what, step.detail)
                case HangUp():
                    self._after("hang_up", step.after_ms / 1_000, self._hang_up, step)

    async def _play(self) -> None:
        self._cancel("hang_up")
        before, self._playbacks = self._playback, self._playbacks + 1
        self._playback = f"{self.channel}-{self._playbacks}"
        if before:
            await self._ari.remove(f"playbacks/{before}")
        path = channel_path(self.channel, f"/play/{self._playback}")
        try:
            await self._ari.ask("POST", path, {"media": self._media})
        except AriRefused:
            self._after("unplayed", UNPLAYED_S, self._unplayed)
            raise
        if self._is_held:
            await self._control("pause")
        if not self._plan.listens:
            self._hearing.stop_listening()

    async def _hold(self, *, is_held: bool) -> None:
        """Have the message wait while the far end does not want to hear it."""
        self._is_held = is_held
        what = "hold" if is_held else "resumed"
        self.note(what)
        await self._control("pause" if is_held else "unpause")

    async def _control(self, operation: str) -> None:
        if self._playback:
            await self._try("POST", f"playbacks/{self._playback}/control", {"operation": operation})

    async def _try(self, method: str, path: str, parameters: Mapping[str, str] | None = None) -> None:
        """Ask for something that a call can do without."""
        with suppress(AriDown, AriUnclear, AriRefused):
            await self._ari.ask(method, path, parameters)

    async def _silence(self) -> None:
        """Send silence until something is played: an open line is never mute, and a far end's NAT waits for us."""
        await self._try("POST", channel_path(self.channel, "/silence"))

    async def _play_ended(self, *, has_failed: bool) -> None:
        self._playback = ""
        if has_failed:
            self._after("unplayed", UNPLAYED_S, self._unplayed)
        else:
            self.note("played")
            await self._follow(self._plan.played())
            await self._silence()

    async def _unplayed(self) -> None:
        # As a trunk that takes no media of ours: another route may do better.
        log.warning("asterisk_plays_nothing", sound=self._media)
        self._end(Outcome.CONGESTION, Note("not_played", "can Asterisk read the folder of sounds?"))

    def _heard(self, heard: Sequence[Heard], at_ms: int) -> None:
        async def step() -> None:
            await self._follow(self._plan.hear(heard, at_ms))

        self._steps.put_nowait(step)

    def _deaf(self, reason: str) -> None:
        async def step() -> None:
            if reason:
                self.note("no_tap", reason)
            if self._plan.listens:
                await self._follow(self._plan.deaf())
                self._hearing.stop_listening()

        self._steps.put_nowait(step)

    # -- the end

    async def _cut(self) -> None:
        step = self._plan.cut()
        self._end(step.outcome, Note("cut"), answerer=step.answerer)

    async def _hang_up(self, step: HangUp) -> None:
        self._end(step.outcome, answerer=step.answerer)

    def _end(
        self,
        outcome: Outcome,
        note: Note | None = None,
        *,
        cause: int | None = None,
        answerer: Answerer = Answerer.UNKNOWN,
    ) -> None:
        """Report how the call ended, once."""
        if self._report is not None:
            return
        if note is not None:
            self.note(note.what, note.detail)
        for summed in self._hearing.notes():
            self.note(summed.what, summed.detail)
        self._report = Report(
            outcome=outcome,
            ended_at=self._means.clock.now(),
            ringing_at=self._rang_at,
            answered_at=self._answered_at,
            answerer=answerer,
            keys=self._keys,
            cause=cause,
            recorded=self._hearing.recorded,
        )

    # -- small things

    def note(self, what: str, detail: str = "") -> None:
        """Keep something for the call's timeline."""
        if len(self._trace) < MOST_TRACE:
            self._trace.append(Trace(self._means.clock.now(), what, detail))

    def _after(self, name: str, seconds: float, step: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._cancel(name)

        async def due() -> None:
            if self._timers.get(name) is timer:  # it may have been cancelled while it waited for its turn
                del self._timers[name]
                await step(*arguments)

        timer = asyncio.get_running_loop().call_later(seconds, self._steps.put_nowait, due)
        self._timers[name] = timer

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def endpoint_of(path: Path) -> str:
    """Tell what Asterisk dials: what the route's template says, or the number at the endpoint of the trunk's name."""
    user = path.target.user
    return user if path.target.is_resource else f"PJSIP/{user}@{path.trunk.name}"
