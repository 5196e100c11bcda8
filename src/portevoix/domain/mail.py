"""E-mails: to whom, and what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.money import format_euros
from portevoix.domain.schedule import PARIS

# A dot-atom (RFC 5322, 3.2.3) of at most 64 octets (RFC 5321, 4.5.3.1.1); nobody's address needs quotes.
_LOCAL = re.compile(r"(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.ASCII)


class EmailInvalid(InvalidValue):
    """Not an e-mail address that can be written to."""

    code = "email_invalid"


class MailFailed(DomainError):
    """An e-mail was not taken.

    Args:
        message: what went wrong, in English, without secrets.
        is_permanent: the server refused this e-mail for good; else it is worth another try.
    """

    code = "mail_failed"

    def __init__(self, message: str, is_permanent: bool) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address in ASCII, its domain in lower case."""

    MAX_LENGTH: ClassVar[int] = 254

    text: str

    @classmethod
    def parse(cls, text: str) -> EmailAddress:
        """Read an address: a dot-atom, an at sign, and a domain with a dot or ``localhost``; international domains as
        IDNA writes them.

        Raises:
            EmailInvalid: another form, or over 254 characters (RFC 3696, erratum 1690).
        """
        local, _, domain = text.strip().rpartition("@")
        domain = domain.lower()
        labels = domain.split(".")
        is_domain = domain == "localhost" or (len(labels) > 1 and not labels[-1].isdigit())
        if not (is_domain and _LOCAL.fullmatch(local) and all(_LABEL.fullmatch(label) for label in labels)):
            raise EmailInvalid("not an e-mail address")
        if len(local) + 1 + len(domain) > cls.MAX_LENGTH:
            raise EmailInvalid(f"an e-mail address has at most {cls.MAX_LENGTH} characters")
        return cls(f"{local}@{domain}")

    @property
    def domain(self) -> str:
        """What follows the at sign."""
        return self.text.rpartition("@")[2]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail.

    Args:
        subject: one line.
        text: plain text; lines end in ``\\n``.
        message_id: the same for every try, so that a repeat is recognised: the part before the at sign.
        at: what it is dated.
    """

    to: EmailAddress
    subject: str
    text: str
    message_id: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.subject.isprintable() or not _MESSAGE_ID.fullmatch(self.message_id) or self.at.tzinfo is None:
            raise ValueError("an e-mail has a subject of one line, an id, and a date with a time zone")


def deposit_mail(
    to: EmailAddress,
    *,
    campaign_id: str,
    recording_name: str,
    delivered: int,
    total: int,
    cost_micros: int,
    began_at: datetime,
    ended_at: datetime,
) -> Mail:
    """Write the e-mail that a deposit campaign ends with, in French, its times those of Paris.

    Args:
        delivered: recipients that were reached.
        cost_micros: what the campaign has cost.
    """
    lines = (
        "Bonjour,",
        "",
        f"Votre campagne de dépôt de messages vocaux {campaign_id} est terminée.",
        "",
        f"Enregistrement : {recording_name}",
        f"Début : {_paris(began_at)}",
        f"Fin : {_paris(ended_at)}",
        f"Messages déposés : {delivered} sur {total}",
        f"Coût : {format_euros(cost_micros).replace('.', ',')} €",
    )
    subject = f"Votre campagne {campaign_id} est terminée"
    return Mail(to, subject, "\n".join(lines) + "\n", f"campaign-{campaign_id}", ended_at)


def _paris(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment.astimezone(PARIS).strftime("%d/%m/%Y à %H:%M:%S")
