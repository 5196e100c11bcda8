# SPDX-License-Identifier: MIT
"""The sandbox of a test key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from portevoix.client import sandbox
from portevoix.client.methods.asking import Ask, AsyncAsk, go_through, go_through_async
from portevoix.client.sandbox import Advanced, MagicNumber, Mail, Received


class Sandbox:
    """The sandbox of a test key; a live key gets SandboxOnly.

    Args:
        ask: the client's.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def inbox(self, *, number: str | None = None, message_id: str | None = None) -> Iterator[Received]:
        """Go through what the simulated phones received, newest first, asking for a page at a time.

        Args:
            number: of one phone alone.
            message_id: of one message alone.
        """
        return go_through(self._ask, sandbox.inbox(number, message_id))

    def mails(self) -> list[Mail]:
        """List the mails that would have been sent, newest first."""
        return self._ask(sandbox.MAILS)

    def audio(self, entry: Received | str) -> bytes:
        """Read what was heard, as a WAV file. Raises NotFound: there is no such entry, or nothing was played."""
        return self._ask(sandbox.audio(entry))

    def clear(self) -> None:
        """Empty the inbox."""
        self._ask(sandbox.CLEAR)

    def advance(self, seconds: int) -> Advanced:
        """Move the sandbox's clock on, through all that is due by then."""
        return self._ask(sandbox.advance(seconds))

    def reset(self) -> None:
        """Begin anew: nothing sent, an empty inbox, the clock set right, 100 € of credit."""
        self._ask(sandbox.reset())

    def numbers(self) -> list[MagicNumber]:
        """List what the simulated phones do."""
        return self._ask(sandbox.NUMBERS)


class AsyncSandbox:
    """The same for asyncio.

    Args:
        ask: the client's.
    """

    def __init__(self, ask: AsyncAsk) -> None:
        self._ask = ask

    def inbox(self, *, number: str | None = None, message_id: str | None = None) -> AsyncIterator[Received]:
        """Go through what the simulated phones received, newest first, asking for a page at a time."""
        return go_through_async(self._ask, sandbox.inbox(number, message_id))

    async def mails(self) -> list[Mail]:
        """List the mails that would have been sent, newest first."""
        return await self._ask(sandbox.MAILS)

    async def audio(self, entry: Received | str) -> bytes:
        """Read what was heard, as a WAV file."""
        return await self._ask(sandbox.audio(entry))

    async def clear(self) -> None:
        """Empty the inbox."""
        await self._ask(sandbox.CLEAR)

    async def advance(self, seconds: int) -> Advanced:
        """Move the sandbox's clock on, through all that is due by then."""
        return await self._ask(sandbox.advance(seconds))

    async def reset(self) -> None:
        """Begin anew: nothing sent, an empty inbox, the clock set right, 100 € of credit."""
        await self._ask(sandbox.reset())

    async def numbers(self) -> list[MagicNumber]:
        """List what the simulated phones do."""
        return await self._ask(sandbox.NUMBERS)
