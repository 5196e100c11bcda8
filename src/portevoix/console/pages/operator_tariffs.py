"""For the operator: tariffs, and files that are looked at before they count."""

from __future__ import annotations

from datetime import datetime

from portevoix.console.page import Needs, Page, Visit
from portevoix.console.texts import N_
from portevoix.domain.account import parse_name
from portevoix.domain.errors import AlreadyExists, DomainError, InvalidValue, NotFound, TariffInvalid
from portevoix.domain.schedule import parse_paris
from portevoix.domain.tariff_file import HEADER
from portevoix.service import tariffs
from portevoix.web.answer import Answer

PLACE = "/operator/tariffs"
MOST_BYTES = 2 * 1_024 * 1_024
MOST_SHOWN = 200


class RevisionExists(DomainError):
    """The tariff has a revision of that moment."""

    code = "revision_exists"


async def _list(visit: Visit) -> Answer:
    return visit.show("operator_tariffs.html", await _shown(visit))


async def _shown(visit: Visit) -> dict[str, object]:
    typed = {name: visit.field(name) for name in ("name", "from")}
    typed["name"] = typed["name"] or tariffs.DEFAULT
    return {
        "revisions": await tariffs.list_tariffs(visit.house),
        "typed": typed,
        "header": ",".join(HEADER),
        "problems": [],
        "now": visit.house.clock.now(),
    }


async def _show(visit: Visit) -> Answer:
    name, prefix = visit.query.get("name") or tariffs.DEFAULT, visit.query.get("prefix", "").strip().removeprefix("+")
    table = await tariffs.show_tariff(visit.house, name)
    found = [one for one in table.rates if one.prefix.startswith(prefix) or prefix.startswith(one.prefix)]
    shown = {
        "table": table,
        "rates": found[:MOST_SHOWN],
        "found": len(found),
        "prefix_wanted": prefix,
        "most": MOST_SHOWN,
    }
    return visit.show("operator_tariff.html", shown)


async def _send(visit: Visit) -> Answer:
    try:
        draft = await tariffs.draft_tariff(visit.house, _name(visit), await _text(visit), _moment(visit))
    except TariffInvalid as error:
        told = InvalidValue(N_("The file has bad lines. Nothing of it was taken."))
        shown = {**await _shown(visit), "problems": error.problems[:MOST_SHOWN], "bad": len(error.problems)}
        return visit.refuse("operator_tariffs.html", told, shown)
    except InvalidValue as error:
        return visit.refuse("operator_tariffs.html", error, await _shown(visit))
    return visit.go(f"{PLACE}/drafts/{draft}")


async def _draft(visit: Visit) -> Answer:
    draft, in_force, rates, changes = await tariffs.compare_draft(visit.house, visit.path["draft"])
    shown = {
        "draft": draft,
        "in_force": in_force,
        "rates": rates,
        "changes": changes[:MOST_SHOWN],
        "changed": len(changes),
        "most": MOST_SHOWN,
    }
    return visit.show("operator_draft.html", shown)


async def _import(visit: Visit) -> Answer:
    try:
        await tariffs.import_draft(visit.house, visit.path["draft"])
    except NotFound:
        return visit.go(PLACE, "tariff-gone")
    except AlreadyExists:
        raise RevisionExists("the tariff has a revision of that moment already") from None
    return visit.go(PLACE, "tariff-imported")


def _name(visit: Visit) -> str:
    try:
        return parse_name(visit.field("name"))
    except InvalidValue:
        raise InvalidValue(N_("A tariff has a name of at most 100 characters.")) from None


async def _text(visit: Visit) -> str:
    """Read the file of a form. Raises InvalidValue."""
    file = visit.file("file")
    if file is None:
        raise InvalidValue(N_("Choose a file."))
    try:
        return (await file.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue(N_("The file is not text in UTF-8.")) from None


def _moment(visit: Visit) -> datetime | None:
    """Read from when on it is to count: ``2026-12-31T18:00``, in Paris. Raises InvalidValue."""
    text = visit.field("from").strip()
    if not text:
        return None
    try:
        return parse_paris(f"{text}:00" if len(text) == len("2026-12-31T18:00") else text)
    except InvalidValue:
        raise InvalidValue(N_("Write from when on it counts as 2026-12-31T18:00, in Paris time.")) from None


PAGES = (
    Page("GET", PLACE, Needs.OPERATOR, _list),
    Page("GET", f"{PLACE}/rates", Needs.OPERATOR, _show),
    Page("POST", PLACE, Needs.OPERATOR, _send, "send-tariff", most_bytes=MOST_BYTES, most_files=1),
    Page("GET", f"{PLACE}/drafts/{{draft}}", Needs.OPERATOR, _draft),
    Page("POST", f"{PLACE}/drafts/{{draft}}/import", Needs.OPERATOR, _import, "import-tariff"),
)
