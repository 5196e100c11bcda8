"""Every 2xx that comes to one INVITE: each is acknowledged, however often it comes; the first one alone is the call.

One that comes again gets the same ACK again, with its branch, by which the far end knows it as a repetition.

A proxy that rings several phones may hand on the answers of two (RFC 3261, 13.2.2.4): who answers second is hung up on
at once, and nothing of it is billed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy

from portevoix.carrier.sip.compat import Request, Response, Stack
from portevoix.carrier.sip.dialog import MOST_FORKS, Dialog, Headers, hang_up
from portevoix.carrier.sip.wire import Peer


class Forks:
    """The answers to one INVITE.

    Args:
        peer: whose credentials answer a challenge.
        dialog: as it is once the INVITE has been written.
        credentials: of the INVITE, which its ACK bears too.
        early: early dialogs by the far end's tag, which go on in the answers.
        allow: has an address answered, whose response to a BYE we wait for.
    """

    def __init__(
        self,
        stack: Stack,
        peer: Peer,
        dialog: Dialog,
        credentials: Headers,
        early: Mapping[str, Dialog],
        allow: Callable[[str], None],
    ) -> None:
        self._stack = stack
        self._peer = peer
        self._allow = allow
        self._dialog = copy(dialog)
        self._number = dialog.number - 1
        self._credentials = credentials
        self._early = early
        self._dialogs: dict[str | None, Dialog] = {}
        self._acks: dict[str | None, Request] = {}
        self._is_over = False

    def close(self) -> None:
        """No answer can become the call any more."""
        self._is_over = True

    def take(self, response: Response) -> None:
        """Acknowledge a 2xx; end its dialog unless it is the call's."""
        tag = response.getHFBody("to").getTag()
        is_new = tag not in self._dialogs
        if is_new and len(self._dialogs) >= MOST_FORKS:
            return
        if is_new:
            dialog = self._dialogs[tag] = self._early.get(tag) or copy(self._dialog)
            dialog.establish(response)
            self._allow(dialog.hop)  # it need not be the trunk's own, and will answer and send BYE
            self._acks[tag] = dialog.request("ACK", self._credentials, number=self._number)
        self._stack.transmit(self._acks[tag])
        if is_new and self._is_over:
            hang_up(self._stack, self._dialogs[tag], self._peer)
        self._is_over = True

    def dialog_of(self, response: Response) -> Dialog:
        """Find the dialog of a 2xx that was taken."""
        return self._dialogs[response.getHFBody("to").getTag()]
