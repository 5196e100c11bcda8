"""The one table from domain errors to the v1 wire: status, code, and the message for people."""

from __future__ import annotations

from typing import NamedTuple

from portevoix.api.v1.wire import Refusal
from portevoix.domain import errors


class Row(NamedTuple):
    """How a refusal is told."""

    status: int
    code: int | str
    message: str

    def body(self) -> Refusal:
        """Write it as the wire does."""
        return Refusal(False, self.code, self.message)


BAD_REQUEST = Row(400, 400, "Mauvaise requête")
NOT_FOUND = Row(404, 404, "Ressource non trouvée")
METHOD_NOT_ALLOWED = Row(405, 405, "Méthode non autorisée")
DEFECT = Row(500, 500, "Erreur interne")

ROWS: dict[type[errors.DomainError], Row] = {
    errors.KeyMissing: Row(401, 1, "La clé API est requise"),
    errors.KeyUnknown: Row(401, 10, "Clé API incorrecte"),
    errors.AccountDisabled: Row(403, 20, "Compte désactivé"),
    errors.AccountBlocked: Row(403, 30, "Compte bloqué"),
    errors.ScopeRefused: Row(403, 40, "L'accès à l'API est refusé"),
    errors.AddressRefused: Row(403, 96, "L'IP n'est pas autorisée"),
    errors.InvalidValue: BAD_REQUEST,
    errors.NotFound: NOT_FOUND,
    errors.RateLimited: Row(429, 429, "Trop de requêtes"),
    errors.InsufficientCredit: Row(402, "NOT_CREDIT", "Crédit insuffisant"),
    errors.Unavailable: Row(503, 503, "Service momentanément indisponible"),
}


def row_of(error: errors.DomainError) -> Row:
    """Find how an error is told; one that no customer can cause is our defect."""
    return ROWS.get(type(error), DEFECT)
