"""E-mails through a real mail server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from portevoix.domain.mail import EmailAddress, Mail, MailFailed, deposit_mail
from portevoix.notify.mail import SmtpMailer, parse_smtp_url
from tests.notify.mail_server import PASSWORD, USER, MailServer
from tests.notify.receiver import listening, serving_tls, trusting_tls
from tests.parts import PATIENCE_S, free_port

SENDER = EmailAddress.parse("voice@town.example.com")
MAIL = deposit_mail(
    EmailAddress.parse("someone@example.com"),
    campaign_id="D572M",
    recording_name="été.wav",
    delivered=1,
    total=2,
    cost_micros=150_000,
    began_at=datetime(2026, 1, 13, 10, 35, tzinfo=UTC),
    ended_at=datetime(2026, 1, 13, 10, 36, 12, tzinfo=UTC),
)
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


def mailer(server: MailServer, login: str = "", scheme: str = "smtp", options: str = "") -> SmtpMailer:
    url = f"{scheme}://{login}127.0.0.1:{server.port}{options}"
    return SmtpMailer(parse_smtp_url(url), SENDER, name="Ville d’Été", timeout_s=PATIENCE_S, tls=trusting_tls())


async def test_an_email_arrives_as_it_was_written():
    async with MailServer() as server:
        await mailer(server).send(MAIL)
    (mail,), (envelope,) = server.mails, server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("voice@town.example.com", ["someone@example.com"])
    assert {name: str(mail[name]) for name in list(mail)} == {
        "From": "Ville d’Été <voice@town.example.com>",
        "To": "someone@example.com",
        "Subject": "Votre campagne D572M est terminée",
        "Date": "Tue, 13 Jan 2026 10:36:12 +0000",
        "Message-ID": "<campaign-D572M@town.example.com>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert mail.get_content().splitlines() == MAIL.text.splitlines()
    assert envelope.content.isascii()
    assert server.commands[-1] == "QUIT"


async def test_a_repeat_is_the_same_to_the_byte():
    async with MailServer() as server:
        await mailer(server).send(MAIL)
        await mailer(server).send(MAIL)
    first, second = server.envelopes
    assert first.content == second.content


async def test_a_line_of_one_dot_does_not_end_an_email():
    mail = Mail(MAIL.to, "Essai", "avant\n.\naprès\n", "a", MAIL.at)
    async with MailServer() as server:
        await mailer(server).send(mail)
    assert server.mails[0].get_content() == "avant\r\n.\r\naprès\r\n"


class TestTls:
    async def test_from_the_first_byte(self):
        async with MailServer(implicit=serving_tls(), auth=True) as server:
            await mailer(server, LOGIN, "smtps").send(MAIL)
        assert len(server.mails) == 1

    @pytest.mark.parametrize(("options", "secured"), [("?starttls=yes", True), ("?starttls=auto", True), ("", False)])
    async def test_by_starttls(self, options, secured):
        async with MailServer(starttls=serving_tls(), auth=True) as server:
            await mailer(server, LOGIN, options=options).send(MAIL)
        assert server.secured == [secured]

    async def test_starttls_that_is_not_offered_is_done_without_only_where_it_may_be(self):
        async with MailServer() as server:
            await mailer(server, options="?starttls=auto").send(MAIL)
            assert server.secured == [False]
            with pytest.raises(MailFailed, match="STARTTLS") as failed:
                await mailer(server, options="?starttls=yes").send(MAIL)
        assert not failed.value.is_permanent
        assert len(server.mails) == 1

    @pytest.mark.parametrize(
        ("scheme", "options"), [("smtps", ""), ("smtp", "?starttls=yes"), ("smtp", "?starttls=auto")]
    )
    async def test_a_certificate_of_a_stranger_is_refused(self, scheme, options):
        certificate = serving_tls()
        tls = {"implicit": certificate} if scheme == "smtps" else {"starttls": certificate}
        async with MailServer(**tls) as server:
            url = parse_smtp_url(f"{scheme}://127.0.0.1:{server.port}{options}")
            with pytest.raises(MailFailed, match="certificate") as failed:
                await SmtpMailer(url, SENDER, timeout_s=PATIENCE_S).send(MAIL)
        assert not failed.value.is_permanent
        assert server.mails == []


class TestFailures:
    @pytest.mark.parametrize(
        ("command", "answer", "is_permanent"),
        [
            ("MAIL", "550 5.7.1 sender refused", True),
            ("MAIL", "451 4.3.0 later", False),
            ("RCPT", "550 5.1.1 nobody of that name", True),
            ("RCPT", "450 4.2.1 greylisted", False),
            ("DATA", "554 5.7.1 looks like spam", True),
            ("DATA", "452 4.3.1 disk full", False),
        ],
    )
    async def test_a_refusal_is_told_and_is_for_good_or_not(self, command, answer, is_permanent):
        async with MailServer(refusals={command: answer}) as server:
            with pytest.raises(MailFailed) as failed:
                await mailer(server).send(MAIL)
        assert (failed.value.code, failed.value.is_permanent) == ("mail_failed", is_permanent)
        assert failed.value.message == f"the mail server answered {answer}"
        assert server.mails == []

    async def test_a_wrong_password_may_be_mended(self):
        async with MailServer(auth=True) as server:
            with pytest.raises(MailFailed) as failed:
                await mailer(server, f"{USER}:guessed@").send(MAIL)
        assert failed.value.message == "the mail server refused the user name or password (535)"
        assert not failed.value.is_permanent
        assert "guessed" not in str(failed.value)

    async def test_a_greeting_that_turns_us_away_may_be_mended(self):
        async def turn_away(reader, writer):
            writer.write(b"554 5.3.2 no mail today\r\n")
            await reader.read()

        async with listening(turn_away) as port:
            url = parse_smtp_url(f"smtp://127.0.0.1:{port}")
            with pytest.raises(MailFailed, match=r"answered 554 .* no mail today") as failed:
                await SmtpMailer(url, SENDER, timeout_s=PATIENCE_S).send(MAIL)
        assert not failed.value.is_permanent

    async def test_a_server_that_is_away_may_come_back(self):
        url = parse_smtp_url(f"smtp://127.0.0.1:{free_port()}")
        with pytest.raises(MailFailed, match="cannot be reached") as failed:
            await SmtpMailer(url, SENDER, timeout_s=PATIENCE_S).send(MAIL)
        assert not failed.value.is_permanent

    async def test_a_host_that_does_not_exist_is_told(self):
        url = parse_smtp_url("smtp://nothing.invalid")
        with pytest.raises(MailFailed, match="cannot be reached"):
            await SmtpMailer(url, SENDER, timeout_s=PATIENCE_S).send(MAIL)

    @pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
    async def test_a_server_that_does_not_answer_is_given_up(self, command):
        async with MailServer(hangs=command) as server:
            url = parse_smtp_url(f"smtp://127.0.0.1:{server.port}")
            with pytest.raises(MailFailed, match="did not answer in time") as failed:
                await SmtpMailer(url, SENDER, timeout_s=0.3).send(MAIL)
        assert not failed.value.is_permanent

    async def test_a_server_that_drips_is_given_up_in_total(self):
        async def drip(reader, writer):
            while True:
                writer.write(b"220-more to come\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)

        async with listening(drip) as port:
            url = parse_smtp_url(f"smtp://127.0.0.1:{port}")
            with pytest.raises(MailFailed, match="did not answer in time"):
                await SmtpMailer(url, SENDER, timeout_s=0.3).send(MAIL)

    @pytest.mark.parametrize("quit_answer", ["421 4.3.2 shutting down", "500 5.5.1 what"])
    async def test_an_email_that_was_taken_is_not_undone_by_the_goodbye(self, quit_answer):
        async with MailServer(refusals={"QUIT": quit_answer}) as server:
            await mailer(server).send(MAIL)
        assert len(server.mails) == 1

    async def test_who_goes_away_does_not_wait_for_the_server(self):
        async with MailServer(hangs="RCPT") as server:
            sending = asyncio.create_task(mailer(server).send(MAIL))
            async with asyncio.timeout(PATIENCE_S):
                await server.hung.wait()
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending


def test_a_date_in_another_zone_is_the_same_moment():
    moment = MAIL.at.astimezone() + timedelta(0)
    mail = Mail(MAIL.to, "Essai", "texte\n", "a", moment)
    message = SmtpMailer(parse_smtp_url("smtp://localhost"), SENDER)._message(mail)
    assert message["Date"].datetime == MAIL.at
