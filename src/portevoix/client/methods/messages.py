# SPDX-License-Identifier: MIT
"""Messages that were sent, and their calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from portevoix.client import message
from portevoix.client.errors import VoicePartnerError
from portevoix.client.message import Call, CallDetail, Message, Stopped
from portevoix.client.methods.asking import (
    Asking,
    AsyncAsking,
    go_through,
    go_through_async,
    now_s,
    sleep,
    sleep_async,
)
from portevoix.client.waiting import Waiting


class MessageMethods(Asking):
    """Messages that were sent, and their calls."""

    def messages(self) -> Iterator[Message]:
        """Go through the messages, newest first, asking for a page at a time."""
        return go_through(self._ask, message.messages())

    def message(self, message_id: str) -> Message:
        """Read one message. Raises NotFound: the account has no such message."""
        return self._ask(message.show(message_id))

    def calls(self, message_id: str, *, state: str | None = None) -> Iterator[Call]:
        """Go through a message's calls in the order of the recipients, asking for a page at a time.

        Args:
            state: only calls in this state.

        Raises:
            NotFound: the account has no such message.
        """
        return go_through(self._ask, message.calls(message_id, state))

    def call(self, call_id: str) -> CallDetail:
        """Read one call with all that happened to it. Raises NotFound: the account has no such call."""
        return self._ask(message.call(call_id))

    def call_recording(self, call_id: str, *, alaw: bool = False) -> bytes:
        """Read what a call's far end said first, as a WAV file, where the operator keeps that for proof.

        Args:
            alaw: as the line's own bytes, instead of 16-bit samples.

        Raises:
            NotFound: the account has no such call, or nothing of it is kept (any more).
        """
        return self._ask(message.recording(call_id, alaw=alaw))

    def pause(self, message_id: str) -> Message:
        """Hold back what has not begun of a message. Raises NotFound, MessageBegun (it is over)."""
        return self._ask(message.pause(message_id))

    def resume(self, message_id: str) -> Message:
        """Let a paused message go on. Raises NotFound, MessageBegun (it is over)."""
        return self._ask(message.resume(message_id))

    def stop(self, message_id: str) -> Stopped:
        """Cancel what has not begun of a message, through v2; its credit comes back at once.

        Raises:
            NotFound: the account has no such message.
            MessageBegun: it is over, or was cancelled before.
        """
        return self._ask(message.stop(message_id))

    def wait(
        self,
        message_id: str,
        *,
        timeout_s: float | None = None,
        poll_s: float | None = None,
        progress: Callable[[Message], object] | None = None,
    ) -> Message:
        """Wait until every call of a message is over.

        Args:
            timeout_s: how long at most; ``None`` for as long as it takes.
            poll_s: how often to look; ``None`` for every 0.25 s at first and every 5 s in the end.
            progress: called with the message after each look.

        Returns:
            The message as it is then.

        Raises:
            TimedOut: it is not over yet.
            NotFound: the account has no such message.
        """
        waiting = Waiting(now_s(), timeout_s, poll_s)
        while True:
            try:
                found = self.message(message_id)
            except VoicePartnerError as fault:
                sleep(waiting.failed(now_s(), fault))
                continue
            if progress is not None:
                progress(found)
            if found.is_over:
                return found
            sleep(waiting.looked(now_s()))


class AsyncMessageMethods(AsyncAsking):
    """Messages that were sent, and their calls."""

    def messages(self) -> AsyncIterator[Message]:
        """Go through the messages, newest first, asking for a page at a time."""
        return go_through_async(self._ask, message.messages())

    async def message(self, message_id: str) -> Message:
        """Read one message."""
        return await self._ask(message.show(message_id))

    def calls(self, message_id: str, *, state: str | None = None) -> AsyncIterator[Call]:
        """Go through a message's calls in the order of the recipients, asking for a page at a time."""
        return go_through_async(self._ask, message.calls(message_id, state))

    async def call(self, call_id: str) -> CallDetail:
        """Read one call with all that happened to it."""
        return await self._ask(message.call(call_id))

    async def call_recording(self, call_id: str, *, alaw: bool = False) -> bytes:
        """Read what a call's far end said first, as a WAV file, where the operator keeps that for proof."""
        return await self._ask(message.recording(call_id, alaw=alaw))

    async def pause(self, message_id: str) -> Message:
        """Hold back what has not begun of a message."""
        return await self._ask(message.pause(message_id))

    async def resume(self, message_id: str) -> Message:
        """Let a paused message go on."""
        return await self._ask(message.resume(message_id))

    async def stop(self, message_id: str) -> Stopped:
        """Cancel what has not begun of a message, through v2; its credit comes back at once."""
        return await self._ask(message.stop(message_id))

    async def wait(
        self,
        message_id: str,
        *,
        timeout_s: float | None = None,
        poll_s: float | None = None,
        progress: Callable[[Message], object] | None = None,
    ) -> Message:
        """Wait until every call of a message is over; raises TimedOut where it is not in time."""
        waiting = Waiting(now_s(), timeout_s, poll_s)
        while True:
            try:
                found = await self.message(message_id)
            except VoicePartnerError as fault:
                await sleep_async(waiting.failed(now_s(), fault))
                continue
            if progress is not None:
                progress(found)
            if found.is_over:
                return found
            await sleep_async(waiting.looked(now_s()))
