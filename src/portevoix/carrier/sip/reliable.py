"""Provisional responses that must not be lost (RFC 3262): each is acknowledged by PRACK, in its early dialog."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from portevoix.carrier.sip.compat import Response, Stack, Transaction
from portevoix.carrier.sip.dialog import MOST_FORKS, Dialog, Headers, authorise
from portevoix.carrier.sip.door import options
from portevoix.carrier.sip.wire import Peer

_MOST = 2**32 - 1


class Reliable:
    """The reliable provisional responses to one INVITE.

    Args:
        peer: whose credentials answer a challenge.
        dialog: as it is once the INVITE has been written.
        allow: has an address answered, whose response to a PRACK we wait for.
    """

    def __init__(self, stack: Stack, peer: Peer, dialog: Dialog, allow: Callable[[str], None]) -> None:
        self._stack = stack
        self._peer = peer
        self._allow = allow
        self._dialog = copy(dialog)
        self._number = dialog.number - 1
        self._last: dict[str, int] = {}
        self.early: dict[str, Dialog] = {}
        """Early dialogs by the far end's tag."""

    def take(self, response: Response) -> bool:
        """Acknowledge a response that asks for it.

        Returns:
            Whether to heed it: not one that was heeded before, nor one that has overtaken another (4).
        """
        tag = response.getHFBody("to").getTag()
        told = str(response.getHFs("rseq")[0].body).strip() if response.countHFs("rseq") else ""
        if tag is None or response.getSCode()[0] <= 100 or "100rel" not in options(response, "require"):
            return True
        if not (told.isascii() and told.isdigit() and 0 < int(told[:11]) <= _MOST):
            return True
        number, last = int(told[:11]), self._last.get(tag)
        if (last is None and len(self._last) >= MOST_FORKS) or (last is not None and number != last + 1):
            return False
        self._last[tag] = number
        if tag not in self.early:
            self.early[tag] = copy(self._dialog)
            self.early[tag].establish(response)
            self._allow(self.early[tag].hop)
        self._acknowledge(self.early[tag], ("RAck", f"{number} {self._number} INVITE"))
        return True

    def _acknowledge(self, dialog: Dialog, header: tuple[str, str], credentials: Headers = ()) -> None:
        prack = dialog.request("PRACK", [header, *credentials])

        def told(response: Response, _: Transaction) -> None:
            is_asked = response.getSCode()[0] in (401, 407) and not credentials
            answer = authorise(prack, response, self._peer) if is_asked else None
            if answer is not None:
                self._acknowledge(dialog, header, [answer])

        self._stack.send(prack, told)
