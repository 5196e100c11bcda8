"""What happens in an answered call's dialog besides its end: hold, new media, refreshes, keys, and what is refused."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Protocol

from portevoix.carrier.sip import refresh
from portevoix.carrier.sip.compat import Answer, Asked, Message, Request, Response, Stack, Timer, Transaction
from portevoix.carrier.sip.dialog import Dialog, Headers, authorise
from portevoix.carrier.sip.digits import read_info
from portevoix.carrier.sip.door import ACCEPTED
from portevoix.carrier.sip.sdp import Local, Media, SdpRefused
from portevoix.carrier.sip.stream import Stream
from portevoix.carrier.sip.wire import Peer

_KNOWN = frozenset({"MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REGISTER", "SUBSCRIBE"})
_DESCRIBING = (ACCEPTED, "multipart/mixed")
GLARE_S = (2.1, 4.0)
"""How long who began the call waits to ask again what crossed a request of the far end's (RFC 3261, 14.1)."""


class Call(Protocol):
    """The call, as this half of it needs it."""

    dialog: Dialog
    stream: Stream | None
    local: Local | None
    media: Media | None
    early: dict[str | None, str]
    """Descriptions that came before the answer, by the far end's tag."""

    def allow(self, address: str) -> None:
        """Answer an address that the trunk has named."""

    def aim(self, media: Media) -> None:
        """Send media as the far end wants them from now on."""

    def left(self) -> None:
        """The far end has sent BYE, or is gone."""

    def lost_session(self) -> None:
        """Nobody has refreshed the session."""

    def note(self, what: str, detail: str = "") -> None:
        """Keep something for the call's timeline."""


class InDialog:
    """The dialog of one call, once it is established.

    Args:
        stack: whose loop keeps the timers.
        peer: whose credentials answer a challenge.
        session_s: the session interval that we ask for.
    """

    def __init__(self, call: Call, stack: Stack, peer: Peer, session_s: int) -> None:
        self._call = call
        self._stack = stack
        self._peer = peer
        self._session = refresh.Session(session_s, is_ours=True)
        self._updates = False
        self._is_refreshing = False
        self._timer: Timer = None
        self._described = ""
        self._answers: dict[str, Asked] = {
            "BYE": self._bye,
            "INVITE": self._invite,
            "UPDATE": self._update,
            "INFO": self._info,
            "OPTIONS": lambda request, _: self._say(request, 200, "OK"),
            "REFER": lambda request, _: self._say(request, 603, "Decline"),
        }

    # -- what the far end asks

    def answer(self, request: Request, transaction: Transaction) -> Answer:
        """Answer a request; returns what sippy's transaction layer takes."""
        method = request.getMethod()
        if not self._call.dialog.is_in_order(request):
            return self._say(request, 500, "Server Internal Error")  # (12.2.2)
        if method != "BYE" and self._call.stream is None:
            return self._say(request, 481, "Call/Transaction Does Not Exist")
        if method in ("INVITE", "UPDATE") and (refused := self._refused(request)) is not None:
            return self._say(request, *refused)
        if method in self._answers:
            return self._answers[method](request, transaction)
        if method in _KNOWN:
            return self._say(request, 405, "Method Not Allowed")
        return self._say(request, 501, "Not Implemented")

    def _refused(self, request: Request) -> tuple[int, str, Headers] | None:
        """Tell why a re-INVITE or UPDATE is refused: offers that cross (14.2), a body that is no description, a session
        shorter than any (RFC 4028, 9)."""
        body, is_invite = request.getBody(), request.getMethod() == "INVITE"
        is_early = self._call.media is None
        describes = body is not None
        if describes and body.getType() not in _DESCRIBING:
            return 415, "Unsupported Media Type", [("Accept", ACCEPTED)]
        if is_early and (is_invite or (describes and request.getHFBody("from").getTag() not in self._call.early)):
            return 491, "Request Pending", []
        if self._is_refreshing and (is_invite or (describes and not self._updates)):
            return 491, "Request Pending", []
        sessions = [refresh.read(str(one.body), we_asked=False) for one in request.getHFs("session-expires")]
        if any(one is not None and one.expires_s < refresh.LEAST_S for one in sessions):
            return 422, "Session Interval Too Small", [("Min-SE", str(refresh.LEAST_S))]
        return None

    def _bye(self, request: Request, _: Transaction) -> Answer:
        answer = self._say(request, 200, "OK")
        self._stack.soon(self._call.left)  # once the 200 has left
        return answer

    def _info(self, request: Request, _: Transaction) -> Answer:
        body = request.getBody()
        key = None if body is None else read_info(str(body))
        if key is not None and self._call.stream is not None:
            self._call.stream.digits.press(key)
        return self._say(request, 200, "OK")

    def _invite(self, request: Request, transaction: Transaction) -> Answer:
        """Take a re-INVITE: new media, hold, or a refresh (14.2)."""
        if request.getBody() is None:
            return self._offer(request, transaction)
        return self._agree(request)

    def _update(self, request: Request, _: Transaction) -> Answer:
        """Take an UPDATE (RFC 3311): a refresh, or as a re-INVITE where it bears a description."""
        if request.getBody() is None:
            self._retarget(request)
            return self._say(request, 200, "OK", self._refreshed(request))
        return self._agree(request)

    def _retarget(self, message: Message) -> None:
        """Speak to where the far end says that it is from now on; what it answers from there must be heard."""
        if self._call.dialog.is_established:  # before the answer, which tells its own, it is one phone's of several
            self._call.dialog.refresh_target(message, message.getSource())
            self._call.allow(self._call.dialog.hop)

    def _agree(self, request: Request) -> Answer:
        assert self._call.local is not None
        try:
            media = self._call.local.read(str(request.getBody()))
        except SdpRefused as error:
            self._call.note("refused_offer", str(error))
            return self._say(request, 488, "Not Acceptable Here")
        media = self._keep_codec(media)
        self._retarget(request)
        if self._call.media is None:  # nothing is sent before the answer
            self._call.early[request.getHFBody("from").getTag()] = str(request.getBody())
        else:
            self._call.aim(media)
        return self._say(request, 200, "OK", self._refreshed(request), self._describe(media))

    def _keep_codec(self, media: Media) -> Media:
        """Stay with the codec that the message is being said in, where the far end still takes it."""
        before = self._call.media
        return replace(media, codec=before.codec) if before is not None and before.codec in media.codecs else media

    def _describe(self, media: Media | None = None) -> str:
        """Describe our end, to answer an offer or as one of ours; another text has another version (RFC 3264, 8)."""
        local = self._call.local
        assert local is not None
        text = local.offer() if media is None else local.answer(media)
        if text != (self._described or local.offer()):
            local = self._call.local = replace(local, version=local.version + 1)
            text = local.offer() if media is None else local.answer(media)
        self._described = text
        return text

    def _offer(self, request: Request, transaction: Transaction) -> Answer:
        """Answer a re-INVITE without a description by an offer; the ACK bears the answer (RFC 3264, 5)."""
        local = self._call.local
        assert local is not None
        self._retarget(request)  # (12.2.2)
        response = self._call.dialog.response(request, 200, "OK", self._refreshed(request), self._describe())

        def acknowledged(ack: Request) -> None:
            try:
                if ack.getBody() is not None and self._call.stream is not None:
                    self._call.aim(self._keep_codec(local.read(str(ack.getBody()))))
            except SdpRefused as error:
                self._call.note("refused_answer", str(error))

        self._stack.transactions.sendResponse(response, transaction, ack_cb=acknowledged)

    def _say(
        self,
        request: Request,
        code: int,
        reason: str,
        headers: Headers = (),
        body: str | None = None,
    ) -> Answer:
        return self._call.dialog.response(request, code, reason, headers, body), None, None

    # -- session timers

    def agreed(self, response: Response) -> None:
        """Take what the first answer says of session timers; one that says nothing wants none (RFC 4028, 7.2)."""
        allowed = ",".join(str(one.body) for one in response.getHFs("allow")).upper()
        self._updates = "UPDATE" in allowed
        self._renew(response, we_asked=True)

    def _refreshed(self, request: Request) -> list[tuple[str, str]]:
        session = self._renew(request, we_asked=False)
        if session is None:
            return []
        return [("Session-Expires", refresh.write(session, we_asked=False)), ("Require", "timer")]

    def _renew(self, message: Message, *, we_asked: bool) -> refresh.Session | None:
        session = None
        for one in message.getHFs("session-expires"):
            session = refresh.read(str(one.body), we_asked=we_asked)
        self.stop()
        if session is not None:
            self._session = session
            wait_s = session.refresh_after_s if session.is_ours else session.gone_after_s
            self._timer = self._stack.after(wait_s, self._refresh if session.is_ours else self._call.lost_session)
        return session

    def _refresh(self, authorised: tuple[str, str] | None = None) -> None:
        """Refresh the session: by UPDATE where the far end knows it, which cannot disturb the media."""
        call = self._call
        if call.local is None or call.stream is None:
            return
        self.stop()
        credentials = [] if authorised is None else [authorised]
        headers = [
            ("Supported", "timer"),
            ("Session-Expires", refresh.write(self._session, we_asked=True)),
            *credentials,
        ]
        is_update, number = self._updates, call.dialog.number
        request = call.dialog.request(
            "UPDATE" if is_update else "INVITE", headers, None if is_update else self._describe()
        )
        self._is_refreshing = True

        def told(response: Response, _: Transaction) -> None:
            code = response.getSCode()[0]
            if code < 200 or call.stream is None:
                return
            self._is_refreshing = False
            answer = authorise(request, response, self._peer) if code in (401, 407) and authorised is None else None
            if answer is not None:
                self._refresh(answer)
            elif code < 300:
                self._retarget(response)
                self._renew(response, we_asked=True)
            else:
                self._not_refreshed(code)

        acks: list[Request] = []

        def acknowledge(response: Response) -> None:
            if not acks:
                self._retarget(response)  # (12.2.1.2)
                acks.append(call.dialog.request("ACK", credentials, number=number))
            self._stack.transmit(acks[0])

        if is_update:
            self._stack.send(request, told)
        else:
            self._stack.invite(request, told, acknowledge)

    def _not_refreshed(self, code: int) -> None:
        """Ask again what crossed a request of the far end's, or count the session as gone where nobody refreshes it."""
        if code in (408, 481):  # the dialog is gone (12.2.1.2)
            self._call.lost_session()
        elif self._timer is not None:  # the far end has refreshed it meanwhile
            return
        elif code == 491:
            self._timer = self._stack.after(random.uniform(*GLARE_S), self._refresh)  # noqa: S311 - no secret
        else:
            self._timer = self._stack.after(self._session.expires_s / 3, self._call.lost_session)

    def stop(self) -> None:
        """Let the timer go."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
