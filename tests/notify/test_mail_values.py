"""E-mail addresses, e-mails, and the URL of a mail server."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.errors import InvalidValue
from portevoix.domain.mail import EmailAddress, EmailInvalid, Mail, deposit_mail
from portevoix.notify.mail import SmtpServer, SmtpTls, parse_smtp_url

AT = datetime(2026, 7, 13, 22, 30, tzinfo=UTC)
SOMEONE = EmailAddress.parse("someone@example.com")


class TestEmailAddress:
    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("someone@example.com", "someone@example.com"),
            ("  Some.One+tag@Example.COM ", "Some.One+tag@example.com"),
            ("o'neil_{x}@a-b.example", "o'neil_{x}@a-b.example"),
            ("root@localhost", "root@localhost"),
            ("x@xn--t-9fab.example", "x@xn--t-9fab.example"),
            ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        ],
    )
    def test_it_is_read(self, text, read):
        address = EmailAddress.parse(text)
        assert (str(address), address.domain) == (read, read.partition("@")[2])

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "@",
            "someone",
            "someone@",
            "@example.com",
            "some@one@example.com",
            "some one@example.com",
            "someone@example",
            "someone@example.com.",
            "someone@.example.com",
            "someone@exa_mple.com",
            "someone@-a.example.com",
            "someone@127.0.0.1",
            "someone@[127.0.0.1]",
            ".someone@example.com",
            "some..one@example.com",
            '"some one"@example.com',
            "Someone <someone@example.com>",
            "someone@example.com,other@example.com",
            "someone@example.com\r\nBcc: other@example.com",
            "someone\n@example.com",
            "someone\x00@example.com",
            "sómeone@example.com",
            "someone@exämple.com",
            "a" * 65 + "@example.com",
            "someone@" + "a" * 64 + ".com",
            "someone@" + "a." * 123 + "com",
        ],
    )
    def test_what_is_none_is_refused_without_repeating_it(self, text):
        with pytest.raises(EmailInvalid) as refused:
            EmailAddress.parse(text)
        assert refused.value.code == "email_invalid"
        assert "someone" not in refused.value.message

    def test_its_length_ends_at_254(self):
        text = "someone@" + "a." * 121 + "com"
        assert len(text) == 253
        assert EmailAddress.parse(text + "m")
        with pytest.raises(EmailInvalid):
            EmailAddress.parse(text + "mm")

    @given(st.one_of(st.text(), st.builds("{}@{}.example".format, st.text(max_size=10), st.text(max_size=10))))
    def test_what_it_prints_it_reads_again(self, text):
        try:
            address = EmailAddress.parse(text)
        except EmailInvalid:
            return
        assert str(address).isascii()
        assert str(address).isprintable()
        assert EmailAddress.parse(str(address)) == address


class TestMail:
    def test_the_end_of_a_deposit_campaign_in_summer_time(self):
        mail = deposit_mail(
            SOMEONE,
            campaign_id="D572M",
            recording_name="rappel.wav",
            delivered=11,
            total=12,
            cost_micros=1_650_000,
            began_at=datetime(2026, 7, 13, 21, 59, 59, tzinfo=UTC),
            ended_at=AT,
        )
        assert mail == Mail(
            SOMEONE,
            "Votre campagne D572M est terminée",
            "Bonjour,\n"
            "\n"
            "Votre campagne de dépôt de messages vocaux D572M est terminée.\n"
            "\n"
            "Enregistrement : rappel.wav\n"
            "Début : 13/07/2026 à 23:59:59\n"
            "Fin : 14/07/2026 à 00:30:00\n"
            "Messages déposés : 11 sur 12\n"
            "Coût : 1,65 €\n",
            "campaign-D572M",
            AT,
        )

    @pytest.mark.parametrize("subject", ["a\nBcc: other@example.com", "a\r", "a\x00", "a\u2028b"])
    def test_a_subject_of_more_than_a_line_is_a_mistake(self, subject):
        with pytest.raises(ValueError, match="one line"):
            Mail(SOMEONE, subject, "", "a", AT)

    @pytest.mark.parametrize("message_id", ["", "a b", "a>b", "a@b", "a\n", ".a", "é"])
    def test_an_id_that_breaks_its_header_is_a_mistake(self, message_id):
        with pytest.raises(ValueError, match="an id"):
            Mail(SOMEONE, "a", "", message_id, AT)

    def test_a_date_without_a_zone_is_a_mistake(self):
        with pytest.raises(ValueError, match="time zone"):
            Mail(SOMEONE, "a", "", "a", AT.replace(tzinfo=None))


class TestSmtpUrl:
    @pytest.mark.parametrize(
        ("text", "server"),
        [
            ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, SmtpTls.OFFERED)),
            ("SMTP://Mail.Example.com:25/", SmtpServer("mail.example.com", 25, SmtpTls.OFFERED)),
            ("smtp://mail.example.com?starttls=no", SmtpServer("mail.example.com", 587, SmtpTls.NONE)),
            ("smtp://mail.example.com?starttls=yes", SmtpServer("mail.example.com", 587, SmtpTls.REQUIRED)),
            ("smtp://u:p@mail.example.com", SmtpServer("mail.example.com", 587, SmtpTls.REQUIRED, "u", "p")),
            ("smtps://mail.example.com", SmtpServer("mail.example.com", 465, SmtpTls.IMPLICIT)),
            ("smtps://u:p@[2001:db8::1]:4650", SmtpServer("2001:db8::1", 4650, SmtpTls.IMPLICIT, "u", "p")),
            ("smtp://localhost:25", SmtpServer("localhost", 25, SmtpTls.NONE)),
            ("smtp://u:p@127.0.0.1", SmtpServer("127.0.0.1", 587, SmtpTls.NONE, "u", "p")),
            ("smtp://u:p@[::1]?starttls=auto", SmtpServer("::1", 587, SmtpTls.OFFERED, "u", "p")),
            (
                "smtp://someone%40example.com:p%40ss%3Aw%2Frd%3F@mail.example.com",
                SmtpServer("mail.example.com", 587, SmtpTls.REQUIRED, "someone@example.com", "p@ss:w/rd?"),
            ),
        ],
    )
    def test_it_is_read(self, text, server):
        assert parse_smtp_url(text) == server

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "mail.example.com:587",
            "http://mail.example.com",
            "smtp://",
            "smtp://u:secret@",
            "smtp://u:secret@mail.example.com:0",
            "smtp://u:secret@mail.example.com:99999",
            "smtp://u:secret@mail.example.com:secret",
            "smtp://u:secret/@mail.example.com",
            "smtp://u:secret#@mail.example.com",
            "smtp://u:secret?@mail.example.com",
            "smtp://u:secret%ff@mail.example.com",
            "smtp://u:secret%0d%0aRSET@mail.example.com",
            "smtp://secret@mail.example.com",
            "smtp://:secret@mail.example.com",
            "smtp://u:secret@mail.example.com/inbox",
            "smtp://u:secret@mail.example.com#part",
            "smtp://u:secret@mail.example.com?starttls=no",
            "smtp://u:secret@mail.example.com?starttls=auto",
            "smtp://u:secret@mail.example.com?starttls=secret",
            "smtp://u:secret@mail.example.com?secret=1",
            "smtp://u:secret@mail.example.com?secret",
            "smtps://u:secret@mail.example.com?starttls=yes",
            "smtp://u:secret@mäil.example.com",
            "smtp://[::1",
        ],
    )
    def test_what_is_none_is_refused_without_repeating_it(self, text):
        with pytest.raises(InvalidValue) as refused:
            parse_smtp_url(text)
        assert "secret" not in refused.value.message
        assert refused.value.__suppress_context__ or refused.value.__context__ is None

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
    def test_any_password_can_be_written(self, password):
        server = parse_smtp_url(f"smtps://{quote(password, safe='')}:{quote(password, safe='')}@mail.example.com")
        assert (server.username, server.password) == (password, password)

    def test_the_password_is_not_shown(self):
        server = parse_smtp_url("smtps://u:hunter2@mail.example.com")
        for text in (repr(server), str(server), f"{server}", repr([server])):
            assert "mail.example.com" in text
            assert "hunter2" not in text
