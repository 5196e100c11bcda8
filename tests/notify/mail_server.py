"""A mail server on this machine that keeps what it takes, and refuses what it is told to."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "someone"
PASSWORD = "p@ss:w/rd?é"


class MailServer:
    """Listens on ``port``; its mails stand in ``mails``, oldest first, with ``envelopes`` beside them.

    Args:
        implicit: TLS from the first byte.
        starttls: TLS that is offered.
        auth: whether a user and password are asked for.
        refusals: what to answer to a command instead: ``{"RCPT": "550 5.1.1 unknown"}``.
        hangs: the command that is never answered.
    """

    def __init__(
        self,
        *,
        implicit: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        auth: bool = False,
        refusals: dict[str, str] | None = None,
        hangs: str = "",
    ) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.secured: list[bool] = []
        self.commands: list[str] = []
        self.hung = asyncio.Event()
        self.port = 0
        self._implicit = implicit
        self._starttls = starttls
        self._auth = auth
        self.refusals = refusals or {}
        self._hangs = hangs
        self._protocols: list[SMTP] = []

    async def __aenter__(self) -> MailServer:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._implicit)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for protocol in self._protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        handlers = [protocol._handler_coroutine for protocol in self._protocols if protocol._handler_coroutine]
        for handler in handlers:
            handler.cancel()  # after a handshake that failed, none of them notices that the other side is gone
        await asyncio.gather(*handlers, return_exceptions=True)
        await self._server.wait_closed()

    def _protocol(self) -> SMTP:
        protocol = SMTP(
            self,
            hostname="mail.example.test",
            tls_context=self._starttls,
            auth_require_tls=False,
            authenticator=self._authenticate if self._auth else None,
            loop=asyncio.get_running_loop(),
        )
        self._protocols.append(protocol)
        return protocol

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object):
        right = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=data == right, handled=False)

    async def _answer(self, command: str, default: str) -> str:
        self.commands.append(command)
        if command == self._hangs:
            self.hung.set()
            await asyncio.Event().wait()
        return self.refusals.get(command, default)

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):  # noqa: N802
        answer = await self._answer("MAIL", "250 OK")
        if self._auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return answer

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):  # noqa: N802
        envelope.rcpt_tos.append(address)
        return await self._answer("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope):  # noqa: N802
        answer = await self._answer("DATA", "250 OK")
        if answer.startswith("250"):
            self.envelopes.append(envelope)
            self.secured.append(session.ssl is not None)
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return answer

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope):  # noqa: N802
        return await self._answer("QUIT", "221 Bye")
