"""Sending: what is typed, what it would cost, and the button that sends it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from portevoix.console import words
from portevoix.console.drafting import find_draft, keep_form, most_bytes
from portevoix.console.orders import FIELDS, MOST_RETRIES, RECORDING, Reading, field_of, read_draft, utterance_of
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.pages.recordings import WAV
from portevoix.console.texts import N_, Texts
from portevoix.domain.account import Scope, admit
from portevoix.domain.campaign import Order, Priced
from portevoix.domain.draft import Draft, DraftChanged
from portevoix.domain.errors import DomainError, InvalidValue, Unavailable
from portevoix.domain.person import Language
from portevoix.domain.recording import Recording, RecordingNotFound
from portevoix.domain.speech import SpeechLimits, Utterance
from portevoix.service import campaigns, drafts, library
from portevoix.service.speech import list_voices, say
from portevoix.web.answer import Answer
from portevoix.web.ranges import ranged
from portevoix.web.recipients import FileUnreadable, Recipients

PLACE = "/{account}/{mode}/send"
ONE = f"{PLACE}/{{draft}}"

RECORDINGS_SHOWN = 200
NAMED, FIRST = 100, 10
RATES = ("0.5", "0.75", "0.9", "1", "1.1", "1.25", "1.5", "2")

WRONG = N_("This cannot be sent as it stands. What is wrong is said beside it.")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """Recipients that cost the same.

    Args:
        each_micros: what one of them can cost at most.
    """

    product: str
    count: int
    each_micros: int


async def _form(visit: Visit) -> Answer:
    asked = visit.query.get("draft", "")
    draft = await find_draft(visit, asked) if asked else Draft("", {})
    if draft.campaign:
        return visit.go(_campaign(visit, draft.campaign))
    if recording := visit.query.get("recording"):
        found = await library.find_recording(visit.house, visit.access, recording)
        draft = replace(draft, fields={**draft.fields, "source": RECORDING, "recording": found.token})
    return await _show_form(visit, draft, {}, is_heard="heard" in visit.query)


async def _prepare(visit: Visit) -> Answer:
    admit(visit.access, Scope.SEND, None)
    draft, wrong = await keep_form(visit)
    reading = await read_draft(visit.house, visit.access, draft)
    if wrong := {**reading.wrong, **wrong}:
        return await _show_form(visit, draft, wrong)
    return visit.go(f"{visit.account.path}/send/{draft.id}")


async def _hear(visit: Visit) -> Answer:
    admit(visit.access, Scope.SEND, None)
    draft, wrong = await keep_form(visit)
    reading = Reading(Recipients(0), wrong)
    try:
        if utterance := utterance_of(reading, draft.fields):
            await say(visit.house, utterance)
    except DomainError as error:
        reading.wrong[field_of(error) or "text"] = error
    if reading.wrong:
        return await _show_form(visit, draft, reading.wrong)
    return visit.go(f"{visit.account.path}/send?draft={draft.id}&heard=1#hear")


async def _speech(visit: Visit) -> Answer:
    admit(visit.access, Scope.SEND, None)
    draft = await find_draft(visit, visit.path["draft"])
    fields = {**FIELDS, **draft.fields}
    audio = await say(visit.house, Utterance.parse(fields["text"], fields["lang"], fields["rate"]))
    answer = ranged(visit.house.waves.linear(audio), WAV, audio.sha256, visit.scope)
    return replace(answer, headers=(*answer.headers, *visit.headers))


async def _review(visit: Visit) -> Answer:
    draft = await find_draft(visit, visit.path["draft"])
    if draft.campaign:
        return visit.go(_campaign(visit, draft.campaign))
    return await _show_review(visit, draft, await read_draft(visit.house, visit.access, draft))


async def _send(visit: Visit) -> Answer:
    admit(visit.access, Scope.SEND, None)
    draft = await find_draft(visit, visit.path["draft"])
    if draft.campaign:
        return visit.go(_campaign(visit, draft.campaign))
    reading = await read_draft(visit.house, visit.access, draft)
    order = reading.order
    if order is None:
        return await _show_form(visit, draft, reading.wrong)
    try:
        if visit.field("seen") != draft.digest:
            raise DraftChanged("the draft is not the one that was shown")
        if shown_bad := visit.field("without_bad"):
            order = await _without_bad(visit, reading, order, shown_bad)
        most_micros = _shown_micros(visit.field("most_micros"))
        person = visit.person.id
        campaign = await drafts.send_draft(visit.house, visit.access, person, draft, order, most_micros)
    except Unavailable:
        raise
    except DomainError as error:
        return await _show_review(visit, draft, reading, error)
    return visit.go(_campaign(visit, campaign), "sent")


async def _without_bad(visit: Visit, reading: Reading, order: Order, shown_bad: str) -> Order:
    """Leave out the numbers that cannot be called. Raises DraftChanged, where they are not as many as were shown."""
    quote = await campaigns.quote(visit.house, visit.access, order)
    if shown_bad != str(len(reading.located(quote.refused))):
        raise DraftChanged("the numbers to leave out are not those that were shown")
    return replace(order, numbers=tuple(one.number for one in quote.priced), refused=())


def _campaign(visit: Visit, campaign: str) -> str:
    return f"{visit.account.path}/campaigns/{campaign}"


def _shown_micros(text: str) -> int:
    """Read what a review page showed as the most that it can cost. Raises InvalidValue."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidValue("the page does not say what it showed")
    return int(text)


async def _show_form(visit: Visit, draft: Draft, wrong: Mapping[str, DomainError], *, is_heard: bool = False) -> Answer:
    texts = visit.texts
    fields = {**FIELDS, **draft.fields}
    shown = {
        "draft": draft,
        "fields": fields,
        "faults": {name: _fault(texts, error) for name, error in wrong.items()},
        "is_heard": is_heard,
        "languages": _languages(visit, fields["lang"]),
        "rates": RATES,
        "recordings": await _choosable(visit, fields["recording"]),
        "senders": await visit.house.campaigns.senders(visit.access.account_id),
        "now": visit.access.now(visit.house.clock.now()),
        "limits": visit.house.uploads,
        "most_characters": SpeechLimits().characters,
        "most_recipients": visit.house.policy.most_recipients,
        "most_retries": MOST_RETRIES,
    }
    return visit.show("send.html", {**shown, "wrong": texts.say(WRONG) if wrong else None}, 422 if wrong else 200)


async def _choosable(visit: Visit, chosen: str) -> Sequence[Recording]:
    """Read the newest recordings, and the one that is chosen, however old."""
    newest = await library.newest_recordings(visit.house, visit.access, None, RECORDINGS_SHOWN)
    if not chosen or any(one.token == chosen for one in newest):
        return newest
    try:
        return [await library.find_recording(visit.house, visit.access, chosen), *newest]
    except RecordingNotFound:
        return newest


async def _show_review(visit: Visit, draft: Draft, reading: Reading, error: DomainError | None = None) -> Answer:
    """Show what would be sent, and what it would cost; the form again where that cannot be told."""
    order = reading.order
    if order is None:
        return await _show_form(visit, draft, reading.wrong)
    try:
        quote = await campaigns.quote(visit.house, visit.access, order)
    except Unavailable:
        raise
    except DomainError as fault:
        return await _show_form(visit, draft, {field_of(fault) or "numbers": fault})
    bad = reading.located(quote.refused)
    duplicates = reading.recipients.duplicates + (draft.listed.duplicates if draft.listed else 0)
    shown = {
        "draft": draft,
        "order": order,
        "quote": quote,
        "prices": _prices(quote.priced),
        "bad": [replace(one, reason=words.reason(visit.texts, one.reason)) for one in bad[:NAMED]],
        "bad_count": len(bad),
        "duplicates": duplicates,
        "first": [one.number for one in quote.priced[:FIRST]],
        "available_micros": visit.access.available_micros,
        "is_affordable": quote.total_micros <= visit.access.available_micros,
        "wrong": _fault(visit.texts, error) if error else None,
    }
    return visit.show("send_review.html", shown, 422 if error else 200)


def _prices(priced: Sequence[Priced]) -> list[PriceLine]:
    counted = Counter((one.product, one.most_micros) for one in priced)
    return [PriceLine(product, count, each) for (product, each), count in sorted(counted.items())]


def _fault(texts: Texts, error: DomainError) -> str:
    if isinstance(error, FileUnreadable):
        said = texts.say("Line %(line)s of the file is no CSV in UTF-8. In a spreadsheet, save it as “CSV UTF-8”.")
        return said % {"line": error.line}
    return words.refusal(texts, error)


def _languages(visit: Visit, chosen: str) -> list[tuple[str, str]]:
    """List the languages that voices speak, by name, those of the console first; what was chosen is among them."""
    tags = {voice.language.lower(): voice.name for voice in list_voices(visit.house)}
    named = {tag: _language(visit.texts, tag, name) for tag, name in {**tags, chosen: tags.get(chosen, "")}.items()}
    return sorted(named.items(), key=lambda one: (one[0].partition("-")[0] not in (*Language,), one[1].casefold()))


def _language(texts: Texts, tag: str, name: str) -> str:
    """Name a language in the reader's own; as its voice is called where nobody has a word for it."""
    primary, _, rest = tag.partition("-")
    known = texts.locale.languages
    whole = known.get(f"{primary}_{rest.upper()}") or (known.get(primary) if not rest else None)
    return whole or name or tag


PAGES = (
    Page("GET", PLACE, Needs.MANAGER, _form),
    Page("POST", PLACE, Needs.MANAGER, _prepare, "prepare-message", most_bytes, most_files=2, counts="v2"),
    Page("POST", f"{PLACE}/hear", Needs.MANAGER, _hear, "hear-text", most_bytes, most_files=2, counts="v2"),
    Page("GET", ONE, Needs.MANAGER, _review),
    Page("POST", ONE, Needs.MANAGER, _send, "send-message", counts="v2"),
    Page("GET", f"{ONE}/speech.wav", Needs.MANAGER, _speech, counts="v2"),
)
