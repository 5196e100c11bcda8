"""The words for what has a code: states, outcomes, kinds of transfers, refusals, what was done."""

from __future__ import annotations

import re

from portevoix.console.texts import N_, Texts
from portevoix.domain.errors import DomainError

WORDS = {
    # roles, modes, accounts
    "operator": N_("operator"),
    "manager": N_("manager"),
    "viewer": N_("viewer"),
    "live": N_("live"),
    "sandbox": N_("sandbox"),
    "disabled": N_("disabled"),
    "blocked": N_("blocked"),
    # processes
    "node-serve": N_("answers"),
    "node-work": N_("dials and delivers"),
    "node-both": N_("answers, dials and delivers"),
    # campaigns and calls
    "voice": N_("voice SMS"),
    "deposit": N_("voicemail deposit"),
    "scheduled": N_("scheduled"),
    "active": N_("active"),
    "paused": N_("paused"),
    "cancelled": N_("cancelled"),
    "finished": N_("finished"),
    "ready": N_("ready"),
    "claimed": N_("about to ring"),
    "dialing": N_("dialling"),
    "ringing": N_("ringing"),
    "answered": N_("answered"),
    "failed": N_("failed"),
    "uncertain": N_("uncertain"),
    # what is sold
    "voice_mobile": N_("voice SMS to a mobile"),
    "voice_landline": N_("voice SMS to a landline"),
    # transfers
    "top_up": N_("top-up"),
    "reserve": N_("set aside"),
    "settle": N_("spent"),
    "release": N_("set free"),
    "refund": N_("refund"),
    "adjustment_credit": N_("credit adjustment"),
    "adjustment_debit": N_("debit adjustment"),
    "allotment_out": N_("given to a sub-account"),
    "allotment_in": N_("received from the parent account"),
    "expiry": N_("expired"),
    # what becomes of calls, and what is told of it
    "voicemail": N_("voicemail"),
    "busy": N_("busy"),
    "declined": N_("declined"),
    "no_answer": N_("no answer"),
    "unreachable": N_("unreachable"),
    "invalid_number": N_("invalid number"),
    "congestion": N_("route failed"),
    "opted_out": N_("opted out"),
    "outside_hours": N_("outside hours"),
    "mailbox_full": N_("mailbox full"),
    "taken_by_person": N_("a person answered: nothing left"),
    "lost": N_("end unknown"),
    "person": N_("by a person"),
    "machine": N_("by a machine"),
    "unknown": N_("by a person or a machine"),
    "pending": N_("to be sent"),
    "delivered": N_("delivered"),
    "dead": N_("given up"),
    "kept": N_("kept here"),
    "sent": N_("sent"),
    "minutes": N_("minutes"),
    "hours": N_("hours"),
    "days": N_("days"),
    # developers
    "valid": N_("valid"),
    "revoked": N_("revoked"),
    "read": N_("see"),
    "send": N_("send"),
    "manage": N_("change settings"),
    # the operator's pages
    "account_active": N_("switched on"),
    "invited": N_("invited"),
    "both": N_("voice SMS and deposits"),
    "done": N_("done"),
    "refused": N_("refused"),
    "error": N_("error"),
    "not_found": N_("not found"),
    "form_expired": N_("form expired"),
    "sign-in": N_("signed in"),
    "sign-out": N_("signed out"),
    "accept-invitation": N_("came by an invitation"),
    "choose-language": N_("chose a language"),
    "change-password": N_("changed the password"),
    "change-codes": N_("changed one-time codes"),
    "create-key": N_("made a key"),
    "rotate-key": N_("replaced a key"),
    "revoke-key": N_("revoked a key"),
    "reveal-webhook-secret": N_("looked at the webhooks' secret"),
    "rotate-webhook-secret": N_("replaced the webhooks' secret"),
    "open-account": N_("opened an account"),
    "top-up": N_("topped up"),
    "adjust-credit": N_("corrected the credit"),
    "allot-credit": N_("moved credit between accounts"),
    "change-state": N_("changed the state"),
    "change-threshold": N_("changed the low-credit threshold"),
    "change-cap": N_("changed a day’s cap"),
    "change-countries": N_("changed the countries that may be called"),
    "allow-number": N_("allowed a caller's number"),
    "disallow-number": N_("took a caller's number away"),
    "assign-tariff": N_("assigned a tariff"),
    "add-person": N_("let somebody in"),
    "invite-person": N_("made a new link for somebody"),
    "disable-person": N_("shut somebody out"),
    "enable-person": N_("let somebody in again"),
    "reset-codes": N_("reset somebody’s one-time codes"),
    "change-role": N_("changed a role"),
    "send-tariff": N_("sent a tariff file"),
    "import-tariff": N_("imported a tariff"),
    "check-ledger": N_("checked the ledger"),
}

#: What carriers note on the way of a call.
TRACES = {
    "answerer": N_("Who answered"),
    "asterisk_refused": N_("Asterisk refused"),
    "beep": N_("A beep was heard"),
    "cut": N_("The message was cut off"),
    "early_media": N_("Sound before the answer"),
    "far_end_hung_up": N_("The other side hung up"),
    "hold": N_("Put on hold"),
    "machine": N_("A machine was heard"),
    "media_lost": N_("The sound broke off"),
    "no_media": N_("No sound came through"),
    "no_port": N_("No port was free for the sound"),
    "no_response": N_("The trunk did not answer"),
    "no_tap": N_("The answer could not be listened to"),
    "played": N_("The message was played to its end"),
    "process_lost": N_("The process that made the call was lost"),
    "recorded": N_("The beginning was recorded for proof"),
    "redirect": N_("Redirected"),
    "refused": N_("The trunk refused"),
    "refused_answer": N_("The answer was refused"),
    "refused_offer": N_("A change of the call was refused"),
    "resumed": N_("Taken off hold"),
    "rtp": N_("Quality of the sound"),
    "session_expired": N_("The session was not kept alive"),
}

#: What the simulated phones do, as ``domain.magic`` says it.
PHONES = (
    N_("answered, listens for 6 s"),
    N_("answered, listens for 45 s"),
    N_("no answer"),
    N_("busy"),
    N_("declined"),
    N_("unreachable"),
    N_("hung up after 2 s"),
    N_("voicemail takes the message"),
    N_("the mailbox is full"),
    N_("answered, by a machine or a person: not known"),
    N_("presses 1"),
    N_("presses the opt-out key"),
    N_("the API refuses it: DESTINATION_INVALID"),
    N_("opted out: not called"),
    N_("the API refuses it: NOT_CREDIT"),
    N_("blocked as fraud"),
    N_("outside the hours in which it may be called"),
    N_("accepted, but the API answers HTTP 500"),
    N_("the API answers HTTP 429"),
    N_("accepted, but the API's answer never comes"),
    N_("answered; the callback comes a minute late"),
    N_("answered; the callback comes twice"),
    N_("answered; a callback that it is pending comes last"),
    N_("answered; the callback never comes"),
    N_("the first route fails, the second succeeds"),
)

#: What people are told where the error's own words would not do; the rest say what they say.
REFUSALS = {
    "sign_in_refused": N_("This e-mail address, password and code do not belong together."),
    "password_refused": N_("Choose a password of 12 to 200 characters that is not easy to guess."),
    "code_refused": N_("This code is wrong, or was used already."),
    "invitation_invalid": N_("This link was used, or has expired. Ask for another one."),
    "rate_limited": N_("Too many attempts. Wait a moment, then try again."),
    "role_refused": N_("Your role does not allow this."),
    "account_disabled": N_("This account is switched off. Ask the operator."),
    "account_blocked": N_("This account is blocked. Ask the operator."),
    "not_found": N_("There is nothing at this address."),
    "unavailable": N_("The service cannot be reached at the moment. Nothing was changed; try again."),
    "form_expired": N_("The page was open for too long, or the form came from elsewhere. Please send it again."),
    "error": N_("Something went wrong on our side. It has been logged."),
    # messages, the ledger, phones
    "message_not_found": N_("There is no such message."),
    "call_not_found": N_("There is no such call."),
    "call_erased": N_("The calls of this message were erased, with the recipients’ numbers. What they cost is kept."),
    "call_not_recorded": N_("Nothing is kept of what was said in this call."),
    "webhook_not_found": N_("There is no such webhook."),
    "webhook_archived": N_("The webhook is archived: it can be read, but is not sent again."),
    "message_begun": N_("The message is over, or was cancelled. Nothing was changed."),
    "day_invalid": N_("Write days as 2026-12-31."),
    "step_invalid": N_(
        "The clock is moved on by a minute to 366 days at once, and by ten years in all. A reset sets it right."
    ),
    # developers, and the operator's pages
    "not_sure": N_("Tick the box, if you are sure."),
    "key_replaced": N_(
        "This form was sent twice: the key has its successor, which was shown. If nobody has kept it, make another."
    ),
    "secret_replaced": N_("It was replaced since you saw the page, and not once more. This is the secret now."),
    "account_opened": N_(
        "This form was sent twice: its account is open, and its keys were shown. If nobody has kept them, make others."
    ),
    "insufficient_credit": N_("There is not that much credit. Nothing was changed."),
    "idempotency_conflict": N_(
        "This form was sent before with something else. Look at the ledger, then send it again."
    ),
    "not_related": N_("Credit moves only between a parent account and its sub-account."),
    "allowance_of_sandbox": N_("A sandbox has no cap and no countries: its phones are simulated."),
    "person_exists": N_("Somebody has this e-mail address already."),
    "email_invalid": N_("This is not an e-mail address."),
    "revision_exists": N_("The tariff has other rates from that very moment. Choose another one."),
    "busy": N_("Others are in the way at the moment. Nothing was changed; try again."),
}

#: What is wrong with a message, its recipients or a recording.
REFUSALS |= {
    "destination_invalid": N_("Some of the numbers cannot be called. Nothing was sent."),
    "phone_number_required": N_("Write or choose at least one number."),
    "phone_number_size_error": N_("There are more numbers than one message may have."),
    "text_required": N_("Write what is to be said."),
    "text_too_long": N_("The text is too long."),
    "lang_invalid": N_("No voice speaks this language."),
    "speech_rate_invalid": N_("This is no rate."),
    "speech_failed": N_("The voice cannot say this text."),
    "speech_unavailable": N_("The voice cannot be reached at the moment. Try again."),
    "sender_invalid": N_("This is no number that can be called back."),
    "sender_not_authorized": N_("This number was not verified for the account. The operator does that."),
    "notify_url_invalid": N_("This is no address that can be notified: http:// or https://, and a host."),
    "email_for_deposits": N_("An e-mail is written at the end of a voicemail deposit alone."),
    "retries_invalid": N_("Up to 5 new attempts, 1 to 1,440 minutes apart."),
    "scheduled_date_invalid": N_("This date has passed, is more than a year ahead, or does not exist."),
    "no_route": N_("No route leads to these numbers. Nothing was sent."),
    "no_deposit_route": N_("No route takes voicemail deposits for these numbers. Nothing was sent."),
    "daily_cap_reached": N_("The allowance of the day does not cover this. Nothing was sent."),
    "price_risen": N_("The price has changed since you saw it. Nothing was sent; look at it again."),
    "draft_changed": N_(
        "What would be sent has changed since you saw it, in another tab for instance. "
        "Nothing was sent; look at it again."
    ),
    "draft_not_found": N_("This message is not kept any more. Begin it anew."),
    "draft_sent": N_("This message was sent meanwhile."),
    "deposit_needs_recording": N_("A voicemail deposit plays a recording: choose one, upload one, or record one."),
    "recording_missing": N_("Choose a recording, upload one, or record one."),
    "file_missing": N_("Choose a file."),
    "audio_empty": N_("There is nothing to hear in this file: it is empty, or silent."),
    "audio_unsupported": N_("This is no audio file that can be read. WAV, MP3, OGG, FLAC, M4A, WebM and AMR can."),
    "audio_too_large": N_("This file is too large."),
    "audio_too_long": N_("This recording is too long."),
    "audio_broken": N_("This file is damaged."),
    "audio_unavailable": N_("Audio cannot be handled at the moment. Try again."),
    "audio_name_invalid": N_("A name has 3 to 50 characters, no slash, and no dot in front."),
    "audio_not_found": N_("There is no such recording any more."),
    "audio_in_use": N_("A message that is not over plays this recording. Once it is over or cancelled, delete this."),
    "body_too_large": N_("This is more than can be taken at once: a file or a text is too large."),
    "body_too_slow": N_("This took too long to arrive. Try again."),
}

#: What is wrong with a recipient, but for what is of the one alone.
REASONS = (
    N_("not a telephone number that can be called"),
    N_("there is no number in this line"),
    N_("the tariff has no price for this number"),
    N_("this number of the sandbox is always refused"),
    N_("a number of fiction: nobody has it"),
    N_("a special, premium rate, satellite or short number"),
    N_("calls to this country are not allowed here"),
    N_("no route leads to this number"),
    N_("no route takes deposits for this number"),
)

#: A country in brackets, or a number as it was written.
_OF_ONE = re.compile(r" \([a-z]{2}\)|: ['\"].*$", re.DOTALL)

#: What is said once something was done, by the word in the address of the page that follows.
SAID = {
    "signed-out": N_("You are signed out."),
    "password-kept": N_("Your password is kept. Sign in with it, and with a one-time code."),
    "password-changed": N_("Your password is changed. Everywhere else you are signed out."),
    "codes-on": N_("From now on a one-time code is asked for when you sign in."),
    "codes-off": N_("No one-time code is asked for any more."),
    "saved": N_("Saved."),
    "sent": N_("The message is on its way."),
    "uploaded": N_("The recording is in the library."),
    "recording-deleted": N_("The recording is deleted."),
    # messages, phones
    "message-paused": N_("The message is paused. Calls that ring already go on."),
    "message-resumed": N_("The message goes on."),
    "message-cancelled": N_("The message is cancelled. What was set aside for calls that had not begun is back."),
    "webhook-replayed": N_("The webhook is sent again. Its answer shows here once it has come."),
    "clock-moved": N_("The clock is moved on, and all that was due has happened."),
    "clock-moved-but-busy": N_("The clock is moved on. Not all that was due has happened yet; look again in a moment."),
    "sandbox-reset": N_("The sandbox begins anew."),
    # developers, and the operator's pages
    "key-revoked": N_("The key is revoked."),
    "tariff-imported": N_("The tariff is imported."),
    "tariff-gone": N_("This file was imported already, or is older than a day."),
}


def word(texts: Texts, code: str) -> str:
    """Say a code; one that has no word is said as it is."""
    return texts.say(WORDS[code]) if code in WORDS else code


def trace(texts: Texts, what: str) -> str:
    """Say what a carrier noted; what has no words is said as it is."""
    return texts.say(TRACES[what]) if what in TRACES else what


def refusal(texts: Texts, error: DomainError) -> str:
    """Say what is wrong."""
    return texts.say(REFUSALS[error.code]) if error.code in REFUSALS else texts.say(error.message)


def reason(texts: Texts, text: str) -> str:
    """Say what is wrong with a recipient; what is not known here is said as it is, in English."""
    plain = _OF_ONE.sub("", text)
    return texts.say(plain) if plain in REASONS else text


def said(texts: Texts, code: str) -> str | None:
    """Say what was done; ``None`` for anything else."""
    return texts.say(SAID[code]) if code in SAID else None
