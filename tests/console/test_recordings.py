"""The library: uploaded, heard, seen, renamed, deleted, and why a file is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import numpy as np
import pytest

from portevoix.console.pages.recordings import A_PAGE
from portevoix.domain.account import Scope
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.campaign import Kind, Order
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.number import Number
from portevoix.ports import House
from portevoix.service import campaigns
from tests.console.conftest import People
from tests.console.visitor import words_of
from tests.parts import ManualClock
from tests.wire.sound import WAVE_PCM, keep, read_wav, tone, wav_file

EVIL = "<script>alert(1)<\\script>\"'"
HOSTILE = "<script>alert(1)\"'"


def sound(name: str = "annonce.wav", body: bytes | None = None) -> dict[str, tuple[str, bytes, str]]:
    """Choose a file."""
    return {"file": (name, wav_file(tone(1.5)) if body is None else body, "audio/wav")}


async def kept(people: People, house: House, name: str = "Annonce", samples: int = 12_000) -> str:
    """Put a recording into the library of the sandbox."""
    return (await keep(house, people.account.account, name, samples, Mode.SANDBOX)).token


async def played(people: People, house: House, token: str, *, is_later: bool = False) -> str:
    """Send a recording."""
    access = await house.accounts.access(AccountRef(people.account.account, Mode.SANDBOX), frozenset(Scope))
    due_at = house.clock.now() + timedelta(days=1) if is_later else None
    order = Order(Kind.DEPOSIT, (Number.parse("0639980020"),), token=token, due_at=due_at)
    return (await campaigns.send(house, access, order)).campaign


async def test_a_file_is_uploaded_heard_seen_renamed_and_deleted(people: People, house: House) -> None:
    manager, place = people.manager, f"{people.place}/recordings"
    assert "There is no recording yet. Upload a file" in words_of(await manager.get(place))
    done = await manager.post(place, files=sound("Fermeture mardi.wav"))
    assert done.status_code == 303, words_of(done)
    one = done.headers["location"].partition("?")[0]
    page = await manager.follow(done)
    assert "The recording is in the library." in words_of(page)
    assert "Fermeture mardi" in words_of(page)
    assert "WAV, pcm_s16le" in words_of(page)
    assert 'class="wave"' in page.text
    assert f'src="{one}/sound.wav"' in (await manager.get(place)).text
    heard = await manager.get(f"{one}/sound.wav")
    encoding, samples = read_wav(heard.content)
    assert (heard.headers["content-type"], heard.headers["cache-control"]) == ("audio/wav", "no-store")
    assert (encoding, len(samples)) == (WAVE_PCM, 2 * 12_000)
    assert (await manager.post(f"{one}/name", name="Fermeture jeudi")).headers["location"] == f"{one}?said=saved"
    assert "Fermeture jeudi" in words_of(await manager.get(place))
    gone = await manager.post(f"{one}/delete")
    assert gone.headers["location"] == f"{place}?said=recording-deleted"
    assert (await manager.get(one)).status_code == 404


async def test_a_script_is_told_where_to_go_on_instead_of_being_sent_there(people: People) -> None:
    people.manager.headers["x-by-script"] = "1"
    done = await people.manager.post(f"{people.place}/recordings", files=sound())
    assert (done.status_code, done.content) == (204, b"")
    assert done.headers["location"].endswith("?said=uploaded")


async def test_a_part_of_a_recording_can_be_asked_for(people: People, house: House) -> None:
    path = f"{people.place}/recordings/{await kept(people, house)}/sound.wav"
    visitor = people.manager
    whole = (await visitor.get(path)).content
    visitor.headers["range"] = "bytes=40-99"
    part = await visitor.get(path)
    assert (part.status_code, part.content) == (206, whole[40:100])
    assert part.headers["content-range"] == f"bytes 40-99/{len(whole)}"
    visitor.headers["range"] = "bytes=9999999-"
    outside = await visitor.get(path)
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(whole)}")


async def test_the_picture_of_a_recording_is_as_high_as_it_is_loud(people: People, house: House) -> None:
    loud, quiet = np.frombuffer(tone(1, level=0.9), "<i2"), np.zeros(16_000, "<i2")
    done = await people.manager.post(
        f"{people.place}/recordings", files=sound(body=wav_file(np.concatenate([loud, quiet, loud])))
    )
    path = done.headers["location"].partition("?")[0]
    picture = await people.manager.get(f"{path}/waveform.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    strokes = [
        (float(top), float(end)) for top, end in re.findall(r"M ?[\d.]+ ([\d.]+) ?L ?[\d.]+ ([\d.]+)", picture.text)
    ]
    heights = [end - top for top, end in strokes]
    assert len(heights) == 80
    assert min(heights[:24]) > 10 > 2 > max(heights[29:51])
    assert min(heights[56:]) > 10


def test_silence_and_the_loudest_sample_are_the_ends_of_the_scale() -> None:
    audio = TelephoneAudio(bytes([0xD5]) * 10 + bytes([0xAA]) * 10)
    assert audio.envelope(2) == [0, 252]
    assert audio.envelope(40) == [0] * 20 + [252] * 20


@pytest.mark.parametrize(
    ("name", "body", "english", "french"),
    [
        ("a.wav", b"", "There is nothing to hear", "Il n’y a rien à entendre"),
        ("note.txt", b"no audio at all, just words", "This is no audio file", "Ce n’est pas un fichier audio lisible"),
        ("silence.wav", wav_file(np.zeros(16_000, "<i2")), "There is nothing to hear", "Il n’y a rien à entendre"),
        ("long.wav", wav_file(tone(601, rate_hz=8_000), 8_000), "This recording is too long", "est trop long"),
        ("large.wav", wav_file(tone(1)) + b"x" * 20_971_520, "This file is too large", "est trop volumineux"),
        ("cut.wav", b"RIFF\x10\0\0\0WAVEfmt ", "This file is damaged", "Ce fichier est endommagé"),
        ("a/b", wav_file(tone(1)), "A name has 3 to 50 characters", "Un nom a de 3 à 50 caractères"),
    ],
    ids=["empty", "no audio", "silent", "too long", "too large", "damaged", "name"],
)
async def test_a_file_that_is_refused_is_told_why(
    people: People, house: House, name: str, body: bytes, english: str, french: str
) -> None:
    for language, said in (("en", english), ("fr", french)):
        people.manager.headers["accept-language"] = language
        fields = {"name": name} if "/" in name else {}
        answer = await people.manager.post(f"{people.place}/recordings", files=sound(name, body), **fields)
        assert (answer.status_code, said in words_of(answer)) == (422, True), words_of(answer)
    account = await house.accounts.find(AccountRef(people.account.account, Mode.SANDBOX))
    assert await house.recordings.newest(account.id, None, 9) == []


async def test_no_file_and_far_too_large_a_form_are_told_too(people: People) -> None:
    none = await people.manager.post(f"{people.place}/recordings", files={"file": ("", b"", "audio/wav")})
    assert (none.status_code, "Choose a file." in words_of(none)) == (422, True)
    far = await people.manager.post(f"{people.place}/recordings", files=sound(body=b"x" * 43_000_000))
    assert (far.status_code, "a file or a text is too large" in words_of(far)) == (413, True)


async def test_a_form_that_is_too_large_is_read_to_its_end_so_that_its_answer_is_seen(people: People) -> None:
    given = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for piece in range(50):
            given.append(piece)
            yield b"x" * 1_048_576

    manager = people.manager
    kind = {"content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin"}
    headers = {**manager._headers(), **kind}
    answer = await manager.http.post(f"{people.place}/recordings", content=pieces(), headers=headers)
    assert (answer.status_code, len(given)) == (413, 50)


async def test_a_recording_names_the_messages_that_play_it_and_stays_while_one_of_them_waits(
    people: People, house: House
) -> None:
    token = await kept(people, house)
    path = f"{people.place}/recordings/{token}"
    assert "No message has played it yet." in words_of(await people.manager.get(path))
    waiting = await played(people, house, token, is_later=True)
    page = await people.manager.get(path)
    assert f'href="{people.place}/campaigns/{waiting}"' in page.text
    assert "not over" in words_of(page)
    refused = await people.manager.post(f"{path}/delete")
    assert refused.status_code == 422
    assert "A message that is not over plays this recording" in words_of(refused)
    assert (await people.manager.get(path)).status_code == 200
    access = await house.accounts.access(AccountRef(people.account.account, Mode.SANDBOX), frozenset(Scope))
    await campaigns.cancel(house, access, waiting, whole=True)
    assert (await people.manager.post(f"{path}/delete")).status_code == 303


async def test_the_library_and_the_messages_of_a_recording_come_in_pages_the_newest_first(
    people: People, house: House, clock: ManualClock
) -> None:
    tokens = []
    for place in range(A_PAGE + 1):
        clock.advance(seconds=1)
        tokens.append(await kept(people, house, f"Number {place}"))
    first = await people.manager.get(f"{people.place}/recordings")
    assert (tokens[0] in first.text, tokens[-1] in first.text) == (False, True)
    older = re.search(r'href="([^"]+\?before=[^"]+)"', first.text)
    assert older is not None
    last = await people.manager.get(older[1])
    shown = set(re.findall(r"/recordings/([0-9a-f]{32})/sound", first.text + last.text))
    assert shown == set(tokens)
    sent = [await played(people, house, tokens[0]) for _ in range(A_PAGE + 1)]
    page = await people.manager.get(f"{people.place}/recordings/{tokens[0]}")
    assert sent[0] not in page.text
    assert sent[-1] in page.text
    older = re.search(r'href="([^"]+\?before=\d+)"', page.text)
    assert older is not None
    assert sent[0] in (await people.manager.get(older[1])).text


async def test_a_viewer_sees_and_hears_and_is_shown_nothing_to_change(people: People, house: House) -> None:
    token = await kept(people, house)
    for path in ("recordings", f"recordings/{token}"):
        page = await people.viewer.get(f"{people.place}/{path}")
        assert page.status_code == 200
        assert page.text.count("<form") == 1, "the sign-out alone"
    assert (await people.viewer.get(f"{people.place}/recordings/{token}/sound.wav")).status_code == 200


async def test_names_are_escaped_and_a_name_that_may_not_be_is_shown_again(people: People, house: House) -> None:
    token = await kept(people, house, HOSTILE)
    for path in ("recordings", f"recordings/{token}", f"send?recording={token}"):
        page = await people.manager.get(f"{people.place}/{path}")
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
    refused: httpx2.Response = await people.manager.post(f"{people.place}/recordings/{token}/name", name=EVIL)
    assert refused.status_code == 422
    assert "<script>alert" not in refused.text
    assert 'aria-describedby="fault-name"' in refused.text
