"""The words for what has a code: states, outcomes, kinds of transfers, refusals, what was done."""

from __future__ import annotations

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
    # developers
    "valid": N_("valid"),
    "revoked": N_("revoked"),
    "read": N_("see"),
    "send": N_("send"),
    "manage": N_("change settings"),
    # the operator's pages
    "account_active": N_("switched on"),
    "invited": N_("invited"),
    "voice_mobile": N_("voice SMS to mobiles"),
    "voice_landline": N_("voice SMS to landlines"),
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
    "allow-number": N_("allowed a caller's number"),
    "disallow-number": N_("took a caller's number away"),
    "assign-tariff": N_("assigned a tariff"),
    "add-person": N_("let somebody in"),
    "invite-person": N_("made a new link for somebody"),
    "disable-person": N_("shut somebody out"),
    "enable-person": N_("let somebody in again"),
    "change-role": N_("changed a role"),
    "send-tariff": N_("sent a tariff file"),
    "import-tariff": N_("imported a tariff"),
    "check-ledger": N_("checked the ledger"),
}

#: What people are told where the error's own words would not do; the rest say what they say.
REFUSALS = {
    "sign_in_refused": N_("This e-mail address, password and code do not belong together."),
    "password_refused": N_("Choose a password of 12 to 200 characters that is not easy to guess."),
    "code_refused": N_("This code is wrong, or was used already."),
    "invitation_invalid": N_("This link was used, or has expired. Ask for another one."),
    "rate_limited": N_("Too many attempts. Wait a moment, then try again."),
    "role_refused": N_("Your role does not allow this."),
    "not_found": N_("There is nothing at this address."),
    "unavailable": N_("The service cannot be reached at the moment. Nothing was changed; try again."),
    "form_expired": N_("The page was open for too long, or the form came from elsewhere. Please send it again."),
    "error": N_("Something went wrong on our side. It has been logged."),
    # developers, and the operator's pages
    "not_sure": N_("Tick the box, if you are sure."),
    "account_opened": N_(
        "This form was sent twice: its account is open, and its keys were shown. If nobody has kept them, make others."
    ),
    "insufficient_credit": N_("There is not that much credit."),
    "idempotency_conflict": N_(
        "This form was sent before with something else. Look at the ledger, then send it again."
    ),
    "not_related": N_("Credit moves only between a parent account and its sub-account."),
    "person_exists": N_("Somebody has this e-mail address already."),
    "email_invalid": N_("This is not an e-mail address."),
    "revision_exists": N_("The tariff has other rates from that very moment. Choose another one."),
    "busy": N_("Others are in the way at the moment. Nothing was changed; try again."),
}

#: What is said once something was done, by the word in the address of the page that follows.
SAID = {
    "signed-out": N_("You are signed out."),
    "password-changed": N_("Your password is changed. Everywhere else you are signed out."),
    "codes-on": N_("From now on a one-time code is asked for when you sign in."),
    "codes-off": N_("No one-time code is asked for any more."),
    "saved": N_("Saved."),
    # developers, and the operator's pages
    "key-revoked": N_("The key is revoked."),
    "tariff-imported": N_("The tariff is imported."),
    "tariff-gone": N_("This file was imported already, or is older than a day."),
}


def word(texts: Texts, code: str) -> str:
    """Say a code; one that has no word is said as it is."""
    return texts.say(WORDS[code]) if code in WORDS else code


def refusal(texts: Texts, error: DomainError) -> str:
    """Say what is wrong."""
    return texts.say(REFUSALS[error.code]) if error.code in REFUSALS else texts.say(error.message)


def said(texts: Texts, code: str) -> str | None:
    """Say what was done; ``None`` for anything else."""
    return texts.say(SAID[code]) if code in SAID else None
