"""The one table from errors to the v1 wire: status, code, and the message for people."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from msgspec import UNSET, ValidationError

from portevoix.api.v1.wire import FieldError, Refusal
from portevoix.domain import (
    audio,
    campaign,
    errors,
    mail,
    number,
    recording,
    routing,
    safety,
    schedule,
    speech,
    webhook,
)
from portevoix.web.body import BodyTooLarge, BodyTooSlow


class BodyMalformed(errors.InvalidValue):
    """The body is not JSON."""


class TokenMissing(errors.InvalidValue):
    """A recording's token is required."""


class FieldInvalid(errors.InvalidValue):
    """A field of the body is of another type.

    Args:
        field: its name on the wire.
    """

    _PLACE = re.compile(r"at `\$\.([A-Za-z_]+)")

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field

    @classmethod
    def of(cls, problem: ValidationError) -> Self:
        """Read the field's name out of what the parser says."""
        place = cls._PLACE.search(str(problem))
        return cls(str(problem), place[1] if place else "")


class Row(NamedTuple):
    """How a refusal is told."""

    status: int
    code: int | str
    message: str

    def body(self) -> Refusal:
        """Write it as the wire does."""
        return Refusal(False, self.code, self.message)


BAD_REQUEST = Row(400, 400, "Mauvaise requête")
DEFECT = Row(500, 500, "Erreur interne")

ROWS: dict[type[errors.DomainError], Row] = {
    errors.KeyMissing: Row(401, 1, "La clé API est requise"),
    errors.KeyUnknown: Row(401, 10, "Clé API incorrecte"),
    errors.AccountDisabled: Row(403, 20, "Compte désactivé"),
    errors.AccountBlocked: Row(403, 30, "Compte bloqué"),
    errors.ScopeRefused: Row(403, 40, "L'accès à l'API est refusé"),
    errors.AddressRefused: Row(403, 96, "L'IP n'est pas autorisée"),
    errors.InvalidValue: BAD_REQUEST,
    FieldInvalid: BAD_REQUEST,
    BodyTooLarge: BAD_REQUEST,
    BodyMalformed: Row(400, 90, "Le JSON est malformé : erreur de syntaxe"),
    TokenMissing: Row(400, "TOKEN_AUDIO_REQUIRED", "Le token de l'audio est requis"),
    audio.AudioNameInvalid: Row(400, "FILENAME_INVALID", "Le nom du fichier est invalide"),
    recording.RecordingNotFound: Row(404, "AUDIO_FILE_NOT_FOUND", "Le fichier audio est introuvable"),
    number.NumbersMissing: Row(400, "PHONE_NUMBER_REQUIRED", "Le numéro de téléphone est requis"),
    number.TooManyNumbers: Row(400, "PHONE_NUMBER_SIZE_ERROR", "Le nombre de numéros est supérieur à 500"),
    campaign.RecipientsRefused: Row(400, "DESTINATION_INVALID", "Le numéro de téléphone n'est pas autorisé"),
    routing.NoRoute: Row(400, "NO_ROUTE", "Aucune route ne mène à ces numéros"),
    routing.NoDepositRoute: Row(400, "NO_DEPOSIT_ROUTE", "Aucune route ne permet les dépôts vers ces numéros"),
    safety.CapReached: Row(403, "DAILY_CAP_REACHED", "Le plafond journalier est atteint"),
    webhook.NotifyUrlInvalid: Row(400, "NOTIFY_URL_INVALID", "L'url de notification est invalide"),
    schedule.ScheduledDateInvalid: Row(400, "SCHEDULED_DATE_INVALID", "La date d'envoi est invalide"),
    mail.EmailInvalid: Row(400, "EMAIL_INVALID", "L'adresse e-mail est invalide"),
    campaign.SenderInvalid: Row(400, "SENDER_INVALID", "Le sender est invalide"),
    campaign.SenderNotAuthorized: Row(403, "SENDER_NOT_AUTHORIZED", "Le sender n'est pas autorisé"),
    speech.TextMissing: Row(400, "TEXT_REQUIRED", "Le texte est requis"),
    speech.TextTooLong: Row(400, "TEXT_TOO_LONG", "Le texte est trop long"),
    speech.LanguageInvalid: Row(400, "LANG_INVALID", "La langue est invalide"),
    speech.SpeechRateInvalid: Row(400, "SPEECH_RATE_INVALID", "La vitesse de lecture est invalide"),
    speech.SpeechFailed: Row(400, "TEXT_INVALID", "Le texte ne peut pas être lu"),
    speech.SpeechUnavailable: Row(503, 503, "Service momentanément indisponible"),
    campaign.CampaignBegun: Row(403, 10, "Action non autorisée"),
    campaign.CampaignNotFound: Row(404, 404, "Ressource non trouvée"),
    errors.IdempotencyConflict: Row(409, 409, "La clé d'idempotence a déjà servi à une autre requête"),
    errors.NotFound: Row(404, 404, "Ressource non trouvée"),
    errors.MethodNotAllowed: Row(405, 405, "Méthode non autorisée"),
    errors.RateLimited: Row(429, 429, "Trop de requêtes"),
    errors.InsufficientCredit: Row(402, "NOT_CREDIT", "Crédit insuffisant"),
    errors.Busy: Row(503, 503, "Service momentanément indisponible"),
    BodyTooSlow: Row(408, 408, "La requête a mis trop de temps à arriver"),
    errors.Unavailable: Row(503, 503, "Service momentanément indisponible"),
}


def row_of(error: errors.DomainError) -> Row:
    """Find how an error is told; one that no customer can cause is our defect."""
    return ROWS.get(type(error), DEFECT)


def refusal_of(error: errors.DomainError) -> tuple[int, Refusal]:
    """Write an error as the wire does, with its status; a field at fault is named."""
    row = row_of(error)
    at_fault: list[FieldError] = []
    if isinstance(error, FieldInvalid):
        at_fault = [FieldError(error.field, row.code, error.message)]
    elif isinstance(error, campaign.RecipientsRefused):
        at_fault = [
            FieldError("phoneNumbers", row.code, f"{row.message} : {refused.text}") for refused in error.refused
        ]
    return row.status, Refusal(False, row.code, row.message, at_fault or UNSET)
