"""Sending by eye: what is typed is kept, what is wrong is said beside it, and what is sent is sent once."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx2
import pytest

from portevoix.console import words
from portevoix.console.texts import texts_in
from portevoix.domain.account import Access, Scope, State
from portevoix.domain.campaign import Campaign
from portevoix.domain.draft import KEPT_FOR, MOST_KEPT, DraftChanged, DraftNotFound, PriceRisen
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.number import Number
from portevoix.domain.person import Language
from portevoix.ports import House
from portevoix.service import drafts
from portevoix.service.accounts import change_state, verify_sender
from portevoix.service.credit import check_ledger
from tests.conftest import Serve
from tests.console.conftest import MANAGER, People
from tests.console.visitor import Visitor, words_of
from tests.parts import ManualClock
from tests.store.test_calls import many_numbers
from tests.wire.sound import WAVE_PCM, keep, read_wav, tone, wav_file

ONE, TWO, LANDLINE = "0639980000", "+33639980001", "01 99 00 00 00"
EUROS = 100_000_000
HOSTILE = "<script>alert(1)</script>\"'"

TYPED = {
    "kind": "voice",
    "source": "text",
    "text": "Bonjour, la mairie est fermée mardi.",
    "lang": "fr",
    "rate": "1",
    "numbers": ONE,
    "retries": "0",
    "spacing_min": "5",
}


async def access_of(people: People, house: House) -> Access:
    """Read what the manager may do with the sandbox."""
    return await house.accounts.access(AccountRef(people.account.account, Mode.SANDBOX), frozenset(Scope))


async def sent(people: People, house: House) -> list[Campaign]:
    """Read what was sent."""
    access = await access_of(people, house)
    return [one for _, one in await house.campaigns.newest(access.account_id, None, 9)]


async def untouched(people: People, house: House) -> None:
    """See that nothing was sent, and nothing set aside."""
    assert await sent(people, house) == []
    assert await house.ledger.balance((await access_of(people, house)).account_id) == (EUROS, 0)
    assert await check_ledger(house) == []


async def prepare(people: People, files: object = None, **fields: str) -> httpx2.Response:
    """Send the form of a message, as it stands where nothing else is said."""
    return await people.manager.post(f"{people.place}/send", files=files, **{**TYPED, **fields})


async def review(people: People, files: object = None, **fields: str) -> httpx2.Response:
    """Send the form of a message, and see what it would cost."""
    answer = await prepare(people, files, **fields)
    assert answer.status_code == 303, words_of(answer)
    return await people.manager.get(answer.headers["location"])


def button(page: httpx2.Response) -> tuple[str, dict[str, str]]:
    """Find where the last button leads, and what its form bears."""
    form = re.search(r'<form method="post" action="([^"]+/send/[0-9a-f]{32})">(.*?)</form>', page.text, re.S)
    assert form is not None, words_of(page)
    return form[1], dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[2]))


async def press(people: People, page: httpx2.Response) -> httpx2.Response:
    """Press the last button."""
    path, fields = button(page)
    return await people.manager.post(path, **fields)


def csv(body: str | bytes, name: str = "liste.csv") -> dict[str, tuple[str, bytes, str]]:
    """Choose a CSV file."""
    return {"list": (name, body.encode() if isinstance(body, str) else body, "text/csv")}


async def test_a_text_is_typed_priced_and_sent(people: People, house: House) -> None:
    page = await review(people, numbers=f"{ONE}\n{TWO}; {LANDLINE}, 06 39 98 00 00")
    said = words_of(page)
    assert "Bonjour, la mairie est fermée mardi." in said
    assert "Numbers: 3. Duplicates left out: 1." in said
    assert "+33639980000, +33639980001, +33199000000" in said
    assert "voice SMS to a mobile 2 €" in said
    assert "voice SMS to a landline 1 €" in said
    assert "The credit covers it: €100.00 are available." in said
    assert "Begins at once" in said
    await untouched(people, house)
    answer = await press(people, page)
    (campaign,) = await sent(people, house)
    assert answer.headers["location"] == f"{people.place}/campaigns/{campaign.id}?said=sent"
    assert (campaign.text, campaign.total, campaign.is_scheduled) == (TYPED["text"], 3, False)
    shown = re.search(r'name="most_micros" value="(\d+)"', page.text)
    assert shown is not None
    assert campaign.reserved_micros == int(shown[1])


async def test_a_double_click_and_a_reload_send_once(people: People, house: House) -> None:
    page = await review(people)
    answers = await asyncio.gather(*(press(people, page) for _ in range(4)))
    answers.append(await press(people, page))
    (campaign,) = await sent(people, house)
    places = {answer.headers["location"].partition("?")[0] for answer in answers}
    assert places == {f"{people.place}/campaigns/{campaign.id}"}
    path, _ = button(page)
    assert (await people.manager.get(path)).headers["location"] in places
    assert (await people.manager.get(f"{people.place}/send?draft={path[-32:]}")).headers["location"] in places
    assert await check_ledger(house) == []


async def test_whoever_comes_second_is_not_told_that_the_credit_is_used_up(people: People, house: House) -> None:
    page = await review(people)
    _, fields = button(page)
    access = await access_of(people, house)
    await house.ledger.debit(access.account_id, EUROS - int(fields["most_micros"]), "to-the-last", "test")
    answers = await asyncio.gather(*(press(people, page) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {303}
    assert len(await sent(people, house)) == 1


async def test_what_was_sent_once_is_changed_into_another_message(people: People, house: House) -> None:
    page = await review(people)
    await press(people, page)
    path, _ = button(page)
    again = await review(people, draft=path[-32:], text="Un autre message.")
    assert button(again)[0] != path
    await press(people, again)
    assert [one.text for one in await sent(people, house)] == ["Un autre message.", TYPED["text"]]


async def test_a_recording_of_the_library_is_deposited_with_all_that_goes_along(people: People, house: House) -> None:
    recording = await keep(house, people.account.account, "Fermeture", 64_000, Mode.SANDBOX)
    form = await people.manager.get(f"{people.place}/send?recording={recording.token}")
    assert f'<option value="{recording.token}" selected>' in form.text
    fields = {
        "kind": "deposit",
        "source": "recording",
        "recording": recording.token,
        "at": "2026-02-01T18:30",
        "sender": "06 39 98 12 34",
        "notify_url": "https://example.test/hook",
        "email": "mairie@example.org",
        "retries": "2",
        "spacing_min": "10",
    }
    page = await review(people, **fields)
    assert f'src="{people.place}/recordings/{recording.token}/sound.wav"' in page.text
    for told in ("Fermeture", "1 Feb 2026, 18:30:00", "2 (10 min 00 s)", "+33639981234", "mairie@example.org"):
        assert told in words_of(page)
    assert "Schedule for 1" in words_of(page)
    await press(people, page)
    (campaign,) = await sent(people, house)
    assert (campaign.kind, campaign.recording) == ("deposit", (recording.token, "Fermeture"))
    assert campaign.due_at == datetime(2026, 2, 1, 17, 30, tzinfo=UTC)
    assert (campaign.sender, campaign.notify_url, campaign.email) == (
        "33639981234",
        "https://example.test/hook",
        "mairie@example.org",
    )
    assert (campaign.retries.most, campaign.retries.spacing_s) == (2, 600)


async def test_a_recording_comes_with_the_form_and_stays_though_the_rest_is_wrong(people: People, house: House) -> None:
    files = {"audio": ("Fermeture.wav", wav_file(tone(2)), "audio/wav")}
    wrong = await prepare(people, files, source="recording", numbers="")
    assert (wrong.status_code, "Write or choose at least one number." in words_of(wrong)) == (422, True)
    access = await access_of(people, house)
    (kept,) = await house.recordings.newest(access.account_id, None, 9)
    assert str(kept.name) == "Fermeture"
    assert f'<option value="{kept.token}" selected>' in wrong.text
    bad = await prepare(people, {"audio": ("x.wav", b"nothing", "audio/wav")}, source="recording", recording=kept.token)
    assert (bad.status_code, "This is no audio file that can be read." in words_of(bad)) == (422, True)
    await press(people, await review(people, source="recording", recording=kept.token))
    assert [one.recording for one in await sent(people, house)] == [(kept.token, "Fermeture")]


#: What is wrong, by field: what is typed, and what is said beside it in both languages.
WRONG = [
    ("text", {"text": " \r\n "}, "Write what is to be said.", "Écrivez ce qui doit être lu."),
    ("text", {"text": "a" * 2_001}, "The text is too long.", "Le texte est trop long."),
    ("lang", {"lang": "xx"}, "No voice speaks this language.", "Aucune voix ne parle cette langue."),
    ("lang", {"lang": HOSTILE}, "No voice speaks this language.", "Aucune voix ne parle cette langue."),
    ("rate", {"rate": "fast"}, "This is no rate.", "Ce n’est pas une vitesse."),
    ("numbers", {"numbers": " ;,\n"}, "Write or choose at least one number.", "au moins un numéro."),
    ("at", {"at": "2026-01-13T12:34"}, "This date has passed", "Cette date est passée"),
    ("at", {"at": "2026-03-29T02:30"}, "or does not exist.", "ou n’existe pas."),
    ("at", {"at": "tomorrow"}, "or does not exist.", "ou n’existe pas."),
    ("sender", {"sender": "112"}, "This is no number that can be called back.", "qui peut être rappelé."),
    ("notify_url", {"notify_url": "ftp://x"}, "This is no address that can be notified", "qui peut être notifiée"),
    ("email", {"email": "a@b.example"}, "at the end of a voicemail deposit alone.", "qu’à la fin d’un dépôt"),
    ("retries", {"retries": "6"}, "Up to 5 new attempts", "Jusqu’à 5 nouvelles tentatives"),
    ("retries", {"retries": "1", "spacing_min": "0"}, "Up to 5 new attempts", "Jusqu’à 5 nouvelles tentatives"),
    ("recording", {"kind": "deposit"}, "A voicemail deposit plays a recording", "joue un enregistrement"),
    ("recording", {"source": "recording"}, "Choose a recording", "Choisissez un enregistrement"),
    ("recording", {"source": "recording", "recording": "0" * 32}, "no such recording any more", "n’existe plus"),
]


@pytest.mark.parametrize(
    ("field", "typed", "english", "french"), WRONG, ids=[f"{i}-{w[0]}" for i, w in enumerate(WRONG)]
)
async def test_what_is_wrong_is_said_beside_it_and_nothing_typed_is_lost(
    people: People, house: House, field: str, typed: dict[str, str], english: str, french: str
) -> None:
    for language, said in (("en", english), ("fr", french)):
        people.manager.headers["accept-language"] = language
        answer = await prepare(people, **typed)
        if answer.status_code == 303:  # what only the price tells
            answer = await people.manager.get(answer.headers["location"])
        assert answer.status_code == 422
        beside = re.search(rf'id="fault-{field}">([^<]+)<', answer.text)
        assert beside is not None
        assert said in words_of(answer)
        assert said in beside[1].replace("&#39;", "'")
        assert "<script>alert" not in answer.text
        for name, value in {**TYPED, **typed}.items():
            if name in ("text", "numbers") and value.strip():
                assert f">\n{value}</textarea>" in answer.text
        assert (TYPED["text"] in answer.text) or "text" in typed
    await untouched(people, house)


async def test_all_that_is_wrong_is_told_at_once(people: People) -> None:
    answer = await prepare(people, text="", numbers="", at="x", sender="1", notify_url="x", retries="99")
    assert set(re.findall(r'id="fault-(\w+)"', answer.text)) == {
        *("text", "numbers", "at", "sender", "notify_url", "retries"),
    }
    assert "What is wrong is said beside it." in words_of(answer)


async def test_numbers_that_cannot_be_called_are_named_by_line_and_left_out_on_demand(
    people: People, house: House
) -> None:
    numbers = f"{ONE}\n112\n\n{TWO};{HOSTILE.replace(';', '')}\n0639980040\n+12125550100"
    page = await review(people, numbers=numbers)
    table = page.text.partition("Cannot be called: 4")[2]
    assert table
    rows = re.findall(r'<tr><td class="figure">(\d*)</td><td class="words">.*?</td><td class="words">(.*?)</td>', table)
    assert rows == [
        ("2", "not a telephone number that can be called"),
        ("4", "not a telephone number that can be called"),
        ("5", "this number of the sandbox is always refused"),
        ("6", "the tariff has no price for this number"),
    ]
    assert "<script>alert" not in page.text
    path, fields = button(page)
    plain = await people.manager.post(path, most_micros=fields["most_micros"], seen=fields["seen"])
    assert (plain.status_code, "Some of the numbers cannot be called." in words_of(plain)) == (422, True)
    await untouched(people, house)
    assert "Send to 2 (left out: 4)" in words_of(page)
    await press(people, page)
    assert [one.total for one in await sent(people, house)] == [2]
    people.manager.headers["accept-language"] = "fr"
    french = words_of(await review(people, numbers=numbers))
    assert "le tarif n’a pas de prix pour ce numéro" in french
    assert "ce n’est pas un numéro de téléphone qui peut être appelé" in french


async def test_where_no_number_can_be_called_there_is_nothing_to_press(people: People) -> None:
    page = await review(people, numbers="112\nnobody")
    assert "None of the numbers can be called." in words_of(page)
    assert 'name="most_micros"' not in page.text


async def test_a_list_in_a_file_is_kept_named_by_line_and_stays_when_something_else_is_wrong(
    people: People, house: House
) -> None:
    file = f"nom;téléphone\nAlice;{ONE}\nBob;+112\nCarol;{TWO}\nDan;06.39.98.00.00\n"
    wrong = await prepare(people, csv(file, HOSTILE), text="", numbers="")
    assert wrong.status_code == 422
    assert "<script>alert" not in wrong.text
    assert "numbers: 2, duplicates left out: 1, not numbers: 1" in words_of(wrong)
    draft = re.search(r'name="draft" value="([0-9a-f]{32})"', wrong.text)
    assert draft is not None
    page = await review(people, numbers="", draft=draft[1])
    assert "Numbers: 2. Duplicates left out: 1." in words_of(page)
    assert '<td class="figure">3</td><td class="words">+112</td>' in page.text
    await press(people, page)
    (campaign,) = await sent(people, house)
    assert campaign.total == 2
    calls = await house.campaigns.calls((await access_of(people, house)).account_id, campaign.id, 0, 9)
    assert [call.number for call in calls] == ["33639980000", "33639980001"]


async def test_a_list_is_dropped_on_demand_and_another_takes_its_place(people: People) -> None:
    first = await review(people, csv(f"{ONE}\n{TWO}\n"), numbers="")
    draft = button(first)[0][-32:]
    form = await people.manager.get(f"{people.place}/send?draft={draft}")
    assert "liste.csv — numbers: 2" in words_of(form)
    other = await review(people, csv(f"{LANDLINE}\n", "autre.csv"), draft=draft, numbers="")
    assert "+33199000000" in words_of(other)
    assert "Numbers: 1." in words_of(other)
    dropped = await review(people, draft=draft, drop_list="1", numbers=TWO)
    assert "+33639980001" in words_of(dropped)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("0639980000\nCl\u00e9ment\n".encode("latin-1"), "Line 2 of the file is no CSV in UTF-8."),
        (b"", "Write or choose at least one number."),
        (b'number\n"' + b"6" * 140_000 + b'"\n', "Line 2 of the file is no CSV in UTF-8."),
    ],
    ids=["Latin-1", "empty", "a cell without end"],
)
async def test_a_file_that_cannot_be_read_is_told_by_its_line(people: People, body: bytes, said: str) -> None:
    answer = await prepare(people, csv(body))
    assert (answer.status_code, said in words_of(answer)) == (422, True), words_of(answer)
    assert TYPED["text"] in answer.text


async def test_a_long_paste_is_kept_as_a_file_is(people: People, house: House) -> None:
    numbers = "\n".join(f"06399800{place:02d}" for place in range(100)) + "\n" + "0639980000\n" * 2_000
    page = await review(people, numbers=numbers)
    assert "Numbers: 99." in words_of(page)
    assert "Duplicates left out: 2,000." in words_of(page)
    form = await people.manager.get(f"{people.place}/send?draft={button(page)[0][-32:]}")
    assert "Pasted numbers — numbers: 100, duplicates left out: 2,000" in words_of(form)
    assert len(form.content) < 100_000
    assert len(page.content) < 100_000


async def test_a_hundred_thousand_lines_come_in_a_file(people: People) -> None:
    numbers = [str(number) for number in many_numbers(58_800)]
    lines = [numbers[line % len(numbers)] for line in range(100_000)]
    page = await review(people, csv("\n".join(lines)), numbers="")
    assert "Numbers: 58,800. Duplicates left out: 41,200." in words_of(page)
    assert len(page.content) < 100_000


async def test_more_numbers_than_one_message_may_have_are_refused(people: People, serve: Serve) -> None:
    async with serve(most_recipients=2) as http:
        visitor = Visitor(http, token=people.manager.token)
        await visitor.get(f"{people.place}/send")
        for numbers, files in ((f"{ONE},{TWO},{LANDLINE}", None), ("", csv(f"{ONE}\n{TWO}\n112\n"))):
            refused = await visitor.post(f"{people.place}/send", files=files, **{**TYPED, "numbers": numbers})
            assert refused.status_code == 422
            assert "There are more numbers than one message may have." in words_of(refused)


async def test_a_text_is_heard_as_the_phone_will_play_it_before_it_is_sent(people: People, house: House) -> None:
    answer = await people.manager.post(f"{people.place}/send/hear", **TYPED)
    assert answer.status_code == 303
    form = await people.manager.get(answer.headers["location"].partition("#")[0])
    player = re.search(r'<audio controls src="([^"]+/speech.wav)"', form.text)
    assert player is not None
    assert (TYPED["text"] in form.text, f">\n{ONE}</textarea>" in form.text) == (True, True)
    heard = await people.manager.get(player[1])
    encoding, samples = read_wav(heard.content)
    assert (heard.status_code, heard.headers["cache-control"], encoding) == (200, "no-store", WAVE_PCM)
    page = await review(people)
    await press(people, page)
    (campaign,) = await sent(people, house)
    assert len(samples) == 2 * campaign.samples
    people.manager.headers["range"] = "bytes=0-9"
    assert (await people.manager.get(player[1])).status_code == 206


async def test_a_text_that_cannot_be_heard_is_told_why_and_stays(people: People) -> None:
    for typed, field in (({"text": ""}, "text"), ({"lang": "xx"}, "lang"), ({"text": "…"}, "text")):
        answer = await people.manager.post(f"{people.place}/send/hear", **{**TYPED, **typed})
        assert answer.status_code == 422
        assert re.findall(r'id="fault-(\w+)"', answer.text) == [field]
        assert f">\n{ONE}</textarea>" in answer.text


async def test_hearing_sending_and_uploading_count_against_the_limit_of_the_api(people: People, serve: Serve) -> None:
    async with serve(limit_v2="2/minute") as http:
        visitor = Visitor(http, token=people.manager.token)
        await visitor.get(f"{people.place}/send")
        paths = (f"{people.place}/send/hear", f"{people.place}/send", f"{people.place}/recordings")
        answers = [await visitor.post(path, **TYPED) for path in (*paths, *paths)]
        key = {"authorization": f"Bearer {people.account.test_key}"}
        told = await http.get("/v2/voices", headers=key)
    assert [answer.status_code for answer in answers[2:]] == [429] * 4
    assert "Too many attempts." in words_of(answers[-1])
    assert told.status_code == 429


async def test_what_the_credit_does_not_cover_is_told_before_the_button_and_after_it(
    people: People, house: House
) -> None:
    page = await review(people)
    access = await access_of(people, house)
    await house.ledger.debit(access.account_id, EUROS, "all-of-it", "test")
    late = await press(people, page)
    assert (late.status_code, "There is not that much credit." in words_of(late)) == (422, True)
    assert TYPED["text"] in words_of(late)
    again = await people.manager.get(button(page)[0])
    assert "The credit does not cover it: €0.00 are available" in words_of(again)
    assert 'name="most_micros"' not in again.text
    assert await sent(people, house) == []


async def test_nothing_is_sent_for_more_than_was_shown(people: People, house: House) -> None:
    page = await review(people)
    path, fields = button(page)
    for most in (str(int(fields["most_micros"]) - 1), "", "x", "-1"):
        refused = await people.manager.post(path, **{**fields, "most_micros": most})
        assert refused.status_code == 422
    await untouched(people, house)
    dearer = await people.manager.post(path, **{**fields, "most_micros": str(int(fields["most_micros"]) - 1)})
    assert words.refusal(texts_in(Language.EN), PriceRisen("")) in words_of(dearer)


@pytest.mark.parametrize("changed", [{"text": "Un autre texte."}, {"numbers": TWO}, {"sender": LANDLINE}])
async def test_what_another_tab_has_changed_is_shown_before_it_is_sent(
    people: People, house: House, changed: dict[str, str]
) -> None:
    page = await review(people)
    await review(people, draft=button(page)[0][-32:], **changed)
    refused = await press(people, page)
    assert (refused.status_code, words.refusal(texts_in(Language.EN), DraftChanged("")) in words_of(refused)) == (
        422,
        True,
    )
    await untouched(people, house)
    assert (await press(people, refused)).status_code == 303
    assert len(await sent(people, house)) == 1


async def test_a_list_that_another_tab_has_put_in_its_place_is_shown_before_it_is_sent(
    people: People, house: House
) -> None:
    page = await review(people, csv(f"{ONE}\n"), numbers="")
    await review(people, csv(f"{TWO}\n"), numbers="", draft=button(page)[0][-32:])
    assert (await press(people, page)).status_code == 422
    await untouched(people, house)


async def test_no_more_numbers_are_left_out_than_were_shown(people: People, house: House) -> None:
    page = await review(people, numbers=f"{ONE}\n112")
    path, fields = button(page)
    for bad in ("2", "0", "x"):
        refused = await people.manager.post(path, **{**fields, "without_bad": bad})
        assert refused.status_code == 422
    await untouched(people, house)
    assert (await people.manager.post(path, **fields)).status_code == 303


async def test_a_date_is_of_the_sandboxs_own_clock(people: People, house: House) -> None:
    access = await access_of(people, house)
    await house.sandboxes.advance(access.account_id, 30 * 86_400)
    assert "It is now: 12 Feb 2026" in words_of(await people.manager.get(f"{people.place}/send")).replace(
        "it is", "It is"
    )
    assert (await prepare(people, at="2026-02-01T18:30")).status_code == 422
    assert "20 Feb 2026, 18:30:00" in words_of(await review(people, at="2026-02-20T18:30"))


async def test_a_live_account_shows_a_number_that_was_verified_alone(people: People, house: House) -> None:
    place = people.place.replace("sandbox", "live")
    refused = await people.manager.post(f"{place}/send", **{**TYPED, "sender": LANDLINE})
    assert re.findall(r'id="fault-(\w+)">([^<]+)<', refused.text) == [
        ("sender", "This number was not verified for the account. The operator does that.")
    ]
    await verify_sender(house, AccountRef(people.account.account, Mode.LIVE), Number.parse(LANDLINE))
    assert '<option value="+33199000000">' in (await people.manager.get(f"{place}/send")).text
    assert (await people.manager.post(f"{place}/send", **{**TYPED, "sender": LANDLINE})).status_code == 303


async def test_a_live_account_without_routes_is_told_so(people: People, serve: Serve) -> None:
    place = people.place.replace("sandbox", "live")
    async with serve(trunk_fiction="yes") as http:
        visitor = Visitor(http, token=people.manager.token)
        await visitor.get(f"{place}/send")
        answer = await visitor.post(f"{place}/send", **TYPED)
        page = await visitor.get(answer.headers["location"])
    assert (page.status_code, "No route leads to these numbers." in words_of(page)) == (422, True)


async def test_a_disabled_account_sends_and_hears_nothing(people: People, house: House) -> None:
    page = await review(people)
    await change_state(house, AccountRef(people.account.account, Mode.LIVE), State.DISABLED)
    for answer in (
        await press(people, page),
        await prepare(people),
        await people.manager.post(f"{people.place}/send/hear", **TYPED),
        await people.manager.post(f"{people.place}/recordings", files={"file": ("a.wav", b"x", "audio/wav")}),
    ):
        assert (answer.status_code, "This account is switched off." in words_of(answer)) == (403, True)
    assert await sent(people, house) == []


async def test_a_draft_is_its_persons_own_and_kept_for_a_day(people: People, house: House, clock: ManualClock) -> None:
    page = await review(people)
    path, _ = button(page)
    for path_of in (path, f"{path}/speech.wav", f"{people.place}/send?draft={path[-32:]}"):
        assert (await people.operator.get(path_of)).status_code == 404
    clock.advance(seconds=(KEPT_FOR - timedelta(hours=13)).total_seconds())
    assert (await people.manager.get(path)).status_code == 200
    await prepare(people, draft=path[-32:], text="changed")
    clock.advance(seconds=timedelta(hours=11).total_seconds())
    assert "changed" in words_of(await people.manager.get(path))
    for _ in range(3):  # a session that is used stays
        clock.advance(hours=8)
        await people.manager.get("/console/me")
    gone = await people.manager.get(path)
    assert (gone.status_code, "This message is not kept any more." in words_of(gone)) == (404, True)


async def test_what_is_not_kept_any_more_is_swept_away(people: People, house: House, clock: ManualClock) -> None:
    page = await review(people)
    access = await access_of(people, house)
    person = next(one for one in await house.people.list() if one.email.text == MANAGER)
    draft = button(page)[0][-32:]
    for lived, is_there in ((KEPT_FOR - timedelta(seconds=1), True), (KEPT_FOR, False)):
        clock.advance(seconds=lived.total_seconds())
        await house.drafts.sweep()
        clock.advance(seconds=-lived.total_seconds())
        if is_there:
            await house.drafts.find(access.account_id, person.id, draft)
    with pytest.raises(DraftNotFound):
        await house.drafts.find(access.account_id, person.id, draft)


async def test_another_accounts_recordings_and_drafts_are_not_sent(people: People, house: House) -> None:
    theirs = (await keep(house, people.other.account, "Theirs", mode=Mode.SANDBOX)).token
    assert (await people.manager.get(f"{people.place}/send?recording={theirs}")).status_code == 404
    refused = await prepare(people, source="recording", recording=theirs)
    assert re.findall(r'id="fault-(\w+)"', refused.text) == ["recording"]
    assert "Theirs" not in refused.text
    place = people.place.replace(people.account.account, people.other.account)
    made = await people.stranger.post(f"{place}/send", **TYPED)
    draft = made.headers["location"][-32:]
    assert (await people.manager.get(f"{people.place}/send?draft={draft}")).status_code == 404
    page = await review(people, draft=draft, text="Le mien.")
    assert button(page)[0][-32:] != draft
    assert TYPED["text"] in words_of(await people.stranger.get(made.headers["location"]))


async def test_of_too_many_drafts_the_oldest_go(people: People, house: House, clock: ManualClock) -> None:
    access = await access_of(people, house)
    person = next(one for one in await house.people.list() if one.email.text == MANAGER)
    kept = [replace(drafts.new_draft(house), fields={"text": str(number)}) for number in range(MOST_KEPT + 1)]
    for draft, _ in zip(kept, count(), strict=False):
        clock.advance(seconds=1)
        await drafts.keep_draft(house, access, person.id, draft)
    found = [await people.manager.get(f"{people.place}/send?draft={draft.id}") for draft in kept]
    assert [page.status_code for page in found] == [404, *[200] * MOST_KEPT]


async def test_texts_are_escaped_wherever_they_are_shown(people: People) -> None:
    page = await review(people, text=f"{HOSTILE}, bonjour", notify_url="https://example.test/%3Cscript%3Ealert(1)")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    form = await people.manager.get(f"{people.place}/send?draft={button(page)[0][-32:]}")
    assert "<script>alert" not in form.text
    evil = await prepare(people, **dict.fromkeys(TYPED, HOSTILE))
    assert "<script>alert" not in evil.text
