"""Sends e-mails through the operator's own SMTP server."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib

from portevoix.domain.account import parse_address
from portevoix.domain.errors import InvalidValue
from portevoix.domain.mail import EmailAddress, Mail, MailFailed

_FAULT_CHARACTERS = 200
_GOODBYE_S = 2.0


class SmtpTls(StrEnum):
    """How the connection is secured; the certificate is always checked.

    ``implicit``: from its first byte (RFC 8314). ``required``: by STARTTLS (RFC 3207), or not at all.
    ``offered``: by STARTTLS, where the server offers it. ``none``: in the clear.
    """

    IMPLICIT = "implicit"
    REQUIRED = "required"
    OFFERED = "offered"
    NONE = "none"


@dataclass(frozen=True, slots=True, repr=False)
class SmtpServer:
    """A mail server that takes what we send."""

    host: str
    port: int
    tls: SmtpTls
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"SmtpServer({self.host!r}, {self.port}, {self.tls.value!r})"  # never who logs in, nor the password


_STARTTLS = {"yes": SmtpTls.REQUIRED, "auto": SmtpTls.OFFERED, "no": SmtpTls.NONE}


def parse_smtp_url(text: str) -> SmtpServer:
    """Read a server's URL: ``smtp://USER:PASSWORD@HOST:587``, ``smtps://HOST`` (TLS from the first byte).

    The port is 587 for ``smtp``, 465 for ``smtps``. User name and password are percent-encoded where they need to be.
    ``?starttls=yes|auto|no`` goes with ``smtp``: by default ``no`` for this machine, ``yes`` with a password, else
    ``auto``. A password never travels in the clear, but to this machine.

    Raises:
        InvalidValue: no such URL; the message repeats nothing of it.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        secrets = [unquote(part or "", errors="strict") for part in (parts.username, parts.password)]
    except ValueError:
        raise InvalidValue("not an SMTP URL (smtp://USER:PASSWORD@HOST:587)") from None
    if parts.scheme not in ("smtp", "smtps") or not host or port == 0 or parts.path.strip("/") or parts.fragment:
        raise InvalidValue("not an SMTP URL (smtp://USER:PASSWORD@HOST:587)")
    if not all((host.isascii(), text.strip().isprintable(), *(secret.isprintable() for secret in secrets))):
        raise InvalidValue("an SMTP URL has an ASCII host and no control characters")
    if bool(secrets[0]) != bool(secrets[1]):
        raise InvalidValue("an SMTP URL has a user name and a password, or neither")
    tls = _tls(parts.scheme, options, _is_this_machine(host), bool(secrets[1]))
    default = 465 if tls is SmtpTls.IMPLICIT else 587
    return SmtpServer(host, default if port is None else port, tls, secrets[0] or None, secrets[1] or None)


def _tls(scheme: str, options: dict[str, str], is_here: bool, has_password: bool) -> SmtpTls:
    if scheme == "smtps":
        if options:
            raise InvalidValue("smtps:// takes no options: it is TLS from the first byte")
        return SmtpTls.IMPLICIT
    wanted = options.pop("starttls", "no" if is_here else "yes" if has_password else "auto")
    if options or wanted not in _STARTTLS:
        raise InvalidValue("smtp:// takes one option: starttls=yes, auto or no")
    tls = _STARTTLS[wanted]
    if has_password and not is_here and tls is not SmtpTls.REQUIRED:
        raise InvalidValue("a password may go to another machine only with smtps:// or starttls=yes")
    return tls


def _is_this_machine(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


class SmtpMailer:
    """Sends each e-mail over a connection of its own: there are few.

    Args:
        server: that takes them.
        sender: whom they are from, and who hears of what cannot be delivered.
        name: what the sender is called.
        timeout_s: for one e-mail, from the look-up of the server to its last word.
        tls: checks certificates; the system's authorities by default.
    """

    def __init__(
        self,
        server: SmtpServer,
        sender: EmailAddress,
        *,
        name: str = "Portevoix",
        timeout_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._sender = sender
        self._name = name
        self._timeout_s = timeout_s
        self._tls = tls

    async def send(self, mail: Mail) -> None:
        """Hand an e-mail over.

        Raises:
            MailFailed: the server did not take it; for good only where it refused this e-mail, its recipient or its
                sender with a 5xx (RFC 5321, 4.2.1). That it cannot be reached or does not let us in, passes.
        """
        client = self._client()
        try:
            async with asyncio.timeout(self._timeout_s):
                await client.connect()
                await client.send_message(self._message(mail))
            # It is taken: whatever goes wrong with the goodbye, it must not be sent again.
            with suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(_GOODBYE_S):
                    await client.quit()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _failure(error) from error
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        starts = {SmtpTls.REQUIRED: True, SmtpTls.OFFERED: None}
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=self._sender.domain,  # else this machine's name is looked up, each time
            use_tls=server.tls is SmtpTls.IMPLICIT,
            start_tls=starts.get(server.tls, False),
            tls_context=self._tls,
            timeout=self._timeout_s,
        )

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(self._name, addr_spec=str(self._sender))
        message["To"] = Address(addr_spec=str(mail.to))
        message["Subject"] = mail.subject
        message["Date"] = mail.at
        message["Message-ID"] = f"<{mail.message_id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # so that no machine answers (RFC 3834, 5)
        message.set_content(mail.text, charset="utf-8", cte="quoted-printable")
        return message


def _failure(error: Exception) -> MailFailed:
    """Say what went wrong; a server's own words are told, but for those about a password."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]  # there is one
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailFailed(f"the mail server refused the user name or password ({error.code})", is_permanent=False)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        is_about_us = isinstance(error, (aiosmtplib.SMTPConnectResponseError, aiosmtplib.SMTPHeloError))
        words = f"the mail server answered {error.code} {_line(error.message)}"
        return MailFailed(words, 500 <= error.code < 600 and not is_about_us)
    if isinstance(error, TimeoutError):
        return MailFailed("the mail server did not answer in time", is_permanent=False)
    return MailFailed(f"the mail server cannot be reached: {_line(str(error))}", is_permanent=False)


def _line(words: str) -> str:
    """Show what a server said as one line."""
    return "".join(one if one.isprintable() else " " for one in words[:_FAULT_CHARACTERS])
