# SPDX-License-Identifier: MIT
"""Sending: through v1, which Voice Partner has too, and through v2."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from portevoix.client import campaign, order
from portevoix.client.campaign import Cancelled, Sent
from portevoix.client.message import Message
from portevoix.client.methods.asking import Asking, AsyncAsking
from portevoix.client.order import Order, Quote
from portevoix.client.upload import Progress


class SendingMethods(Asking):
    """Sending."""

    def send_tts(
        self,
        numbers: Sequence[str] | str,
        text: str | None = None,
        *,
        audio: str | None = None,
        lang: str | None = None,
        speech_rate: float | None = None,
        notify_url: str | None = None,
        at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Send a voice SMS through v1: the phone rings, and the message plays when it is answered.

        It is asked for once, and never again by itself. After a ConnectionFailed the message may have been sent all
        the same. Portevoix tells by a second call with the same ``idempotency_key``; Voice Partner would call twice.

        Args:
            numbers: up to 500, French national or international; one text may hold several, with commas.
            text: what is said; each comma is a pause of 0.5 s. Either this or ``audio``.
            audio: the token of the recording that is played.
            lang: the text's language; the service's default is ``fr``.
            speech_rate: 0.5 (half as fast) to 2.
            notify_url: what is told of each recipient.
            at: when to begin, with its time zone; at once, where none is given. Sent in Paris time, to the second.
            idempotency_key: 1 to 255 visible ASCII characters; one is made where none is given.

        Raises:
            RecipientsRefused: nobody was called; ``errors`` names every bad number.
            InsufficientCredit: nobody was called.
            TextRefused, NotFound (the recording), ScheduleRefused, NotifyUrlRefused, IdempotencyConflict.
            ValueError: neither text nor recording, or both; a moment that v1 cannot write; a bad idempotency key.
        """
        request = campaign.tts(numbers, text, audio, lang, speech_rate, notify_url, at, idempotency_key)
        return self._ask(request)

    def deposit(
        self,
        numbers: Sequence[str] | str,
        audio: str,
        *,
        email: str | None = None,
        sender: str | None = None,
        notify_url: str | None = None,
        at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Leave a recording on voicemail through v1. It is asked for once, as ``send_tts`` is.

        Args:
            numbers: up to 500; mobiles are not rung, landlines are.
            audio: the token of the recording.
            email: what is told of the end.
            sender: the number that is shown; it must have been verified.
            notify_url: what is told of the end.
            at: when to begin, as in ``send_tts``.
            idempotency_key: as in ``send_tts``.

        Raises:
            SenderRefused, EmailRefused, and what ``send_tts`` raises.
        """
        return self._ask(campaign.deposit(numbers, audio, email, sender, notify_url, at, idempotency_key))

    def cancel(self, campaign_id: str) -> Cancelled:
        """Cancel a scheduled message of which nothing has begun, through v1; its credit comes back.

        Raises:
            MessageBegun: it has begun, is over, or was cancelled before.
            NotFound: the account has no such message.
        """
        return self._ask(campaign.cancel(campaign_id))

    def quote(self, wanted: Order, file: str | os.PathLike[str] | bytes | None = None) -> Quote:
        """Price an order, and spend nothing. Bad numbers are in its ``refused``.

        Args:
            wanted: the message; with a file, its recipients are there and not here.
            file: a CSV file, as in ``send``.

        Raises:
            TextRefused, NotFound (the recording), ScheduleRefused, and others for what the order says.
            OSError, ValueError: as in ``send``.
        """
        with order.pricing(wanted, file) as request:
            return self._ask(request)

    def send(
        self,
        wanted: Order,
        file: str | os.PathLike[str] | bytes | None = None,
        *,
        idempotency_key: str | None = None,
        progress: Progress | None = None,
    ) -> Message:
        """Send a message through v2: all of it or, where anything is refused, nothing.

        Where the connection fails or the service answers 503, it is asked for again, at most twice, under the same
        idempotency key: the message is sent once.

        Args:
            wanted: the message; with a file, its recipients are there and not here.
            file: a CSV file, by its path or its bytes; the numbers are in the first column, or in one that is called
                number, phone, telephone or to.
            idempotency_key: 1 to 255 visible ASCII characters; one is made where none is given.
            progress: called with the bytes of the file that were sent, and all that there are.

        Raises:
            RecipientsRefused: nobody was called; ``errors`` names every bad number, with its line in the file.
            InsufficientCredit: nobody was called.
            SenderRefused, TextRefused, NotFound (the recording), ScheduleRefused, NotifyUrlRefused, EmailRefused,
            IdempotencyConflict.
            OSError: the file cannot be read.
            ValueError: recipients on both sides, or a bad idempotency key.
        """
        with order.sending(wanted, file, idempotency_key, progress) as request:
            return self._ask(request)


class AsyncSendingMethods(AsyncAsking):
    """Sending."""

    async def send_tts(
        self,
        numbers: Sequence[str] | str,
        text: str | None = None,
        *,
        audio: str | None = None,
        lang: str | None = None,
        speech_rate: float | None = None,
        notify_url: str | None = None,
        at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Send a voice SMS through v1; asked for once, and never again by itself."""
        request = campaign.tts(numbers, text, audio, lang, speech_rate, notify_url, at, idempotency_key)
        return await self._ask(request)

    async def deposit(
        self,
        numbers: Sequence[str] | str,
        audio: str,
        *,
        email: str | None = None,
        sender: str | None = None,
        notify_url: str | None = None,
        at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Leave a recording on voicemail through v1; asked for once, and never again by itself."""
        return await self._ask(campaign.deposit(numbers, audio, email, sender, notify_url, at, idempotency_key))

    async def cancel(self, campaign_id: str) -> Cancelled:
        """Cancel a scheduled message of which nothing has begun, through v1; its credit comes back."""
        return await self._ask(campaign.cancel(campaign_id))

    async def quote(self, wanted: Order, file: str | os.PathLike[str] | bytes | None = None) -> Quote:
        """Price an order, and spend nothing."""
        with order.pricing(wanted, file) as request:
            return await self._ask(request)

    async def send(
        self,
        wanted: Order,
        file: str | os.PathLike[str] | bytes | None = None,
        *,
        idempotency_key: str | None = None,
        progress: Progress | None = None,
    ) -> Message:
        """Send a message through v2, all of it or nothing. Its file is read on the event loop, in pieces of 64 KB."""
        with order.sending(wanted, file, idempotency_key, progress) as request:
            return await self._ask(request)
