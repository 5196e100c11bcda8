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
}

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
}

#: What is said once something was done, by the word in the address of the page that follows.
SAID = {
    "signed-out": N_("You are signed out."),
    "password-changed": N_("Your password is changed. Everywhere else you are signed out."),
    "codes-on": N_("From now on a one-time code is asked for when you sign in."),
    "codes-off": N_("No one-time code is asked for any more."),
    "saved": N_("Saved."),
}


def word(texts: Texts, code: str) -> str:
    """Say a code; one that has no word is said as it is."""
    return texts.say(WORDS[code]) if code in WORDS else code


def refusal(texts: Texts, error: DomainError) -> str:
    """Say what is wrong."""
    return texts.say(REFUSALS[error.code]) if error.code in REFUSALS else error.message


def said(texts: Texts, code: str) -> str | None:
    """Say what was done; ``None`` for anything else."""
    return texts.say(SAID[code]) if code in SAID else None
