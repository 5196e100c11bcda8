"""What the audio operations leave in the store: equal sounds once, and none that nobody has."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import psycopg

from portevoix import bootstrap
from portevoix.domain.audio import AudioName, TelephoneAudio, Upload
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.recording import recording_token
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from tests.conftest import Serve
from tests.wire.sound import PAUSED, bearer, keep, send_form, tone, wav_file


async def test_equal_audio_is_stored_once(house: House, account: OpenedAccount, serve: Serve, url: str) -> None:
    stranger = await open_account(house, "Clinique")
    data = wav_file(PAUSED)
    async with serve() as http:
        keys = (account.live_key, account.live_key, account.test_key, stranger.live_key)
        sent = [(await send_form(http, key, data, "le même")).json() for key in keys]
        other = (await send_form(http, account.live_key, wav_file(tone(1.0, 600)))).json()
        await http.delete(f"/v2/audio/{sent[0]['token']}", headers=bearer(account.live_key))
        remaining = await http.get(f"/v2/audio/{sent[3]['token']}/content", headers=bearer(stranger.live_key))
    assert len({made["token"] for made in sent}) == 4
    with psycopg.connect(url) as connection:
        kept = connection.execute("SELECT encode(sha256, 'hex'), samples, octet_length(alaw) FROM sound").fetchall()
    expected = {made["sha256"]: round(made["duration_s"] * 8_000) for made in (sent[0], other)}
    assert {made["sha256"] for made in sent} == {sent[0]["sha256"]}
    assert sorted(kept) == sorted((digest, samples, samples) for digest, samples in expected.items())
    assert remaining.status_code == 200


async def test_a_sound_is_swept_when_its_last_recording_is_gone(
    opened: bootstrap.Opened, account: OpenedAccount, url: str
) -> None:
    recordings = opened.house.recordings
    kept = [await keep(opened.house, account.account, "the same", mode=mode) for mode in (Mode.LIVE, Mode.SANDBOX)]
    live, twin = [
        (await opened.house.accounts.find(AccountRef(account.account, mode))).id for mode in (Mode.LIVE, Mode.SANDBOX)
    ]
    await recordings.delete(live, kept[0].token)
    await opened.recordings.sweep()
    assert _sounds(url) == 1
    assert (await recordings.audio(twin, kept[1].token)).samples == 8_000
    await recordings.delete(twin, kept[1].token)
    assert _sounds(url) == 1  # until it is swept
    await opened.recordings.sweep()
    assert _sounds(url) == 0


async def test_a_sound_that_an_upload_is_taking_is_not_swept(
    opened: bootstrap.Opened, account: OpenedAccount, url: str
) -> None:
    first = await keep(opened.house, account.account, "first")
    live = (await opened.house.accounts.find(AccountRef(account.account))).id
    await opened.house.recordings.delete(live, first.token)
    async with opened.house.unit_of_work() as together:  # an upload that is not committed yet
        second = await keep(together, account.account, "second")
        async with asyncio.timeout(10):
            await opened.recordings.sweep()
    assert (await opened.house.recordings.audio(live, second.token)).samples == 8_000


async def test_an_upload_between_a_sweeps_look_and_its_cut_keeps_its_sound(
    opened: bootstrap.Opened, account: OpenedAccount, url: str
) -> None:
    """The sweep has begun, and has seen the sound unused; then an upload takes it. Nothing is lost, nothing fails."""
    first = await keep(opened.house, account.account, "first")
    live = (await opened.house.accounts.find(AccountRef(account.account))).id
    await opened.house.recordings.delete(live, first.token)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as gate:
        # What is to be deleted is looked up after this trigger, but as of the moment when the statement began.
        await gate.execute(
            "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END$$"
        )
        await gate.execute(
            "CREATE TRIGGER gate BEFORE DELETE ON sound FOR EACH STATEMENT EXECUTE FUNCTION wait_at_gate()"
        )
        await gate.execute("SELECT pg_advisory_lock(1)")
        sweeping = asyncio.create_task(opened.recordings.sweep())
        await _until_waiting(gate, 1, sweeping)
        uploading = asyncio.create_task(keep(opened.house, account.account, "second"))
        await _until_waiting(gate, 2, uploading)  # or it is through: either is right
        await gate.execute("SELECT pg_advisory_unlock(1)")
        async with asyncio.timeout(10):
            second = await uploading
            await sweeping
    assert (await opened.house.recordings.audio(live, second.token)).samples == 8_000


async def test_sweeps_and_uploads_of_the_same_sounds_do_not_disturb_each_other(
    opened: bootstrap.Opened, account: OpenedAccount
) -> None:
    """Sounds come and go while they are swept: no sound is missed, and no sweep fails."""
    house, live = opened.house, (await opened.house.accounts.find(AccountRef(account.account))).id
    uploading = True
    sweeps = 0

    async def sweep() -> None:
        nonlocal sweeps
        while uploading:
            await opened.recordings.sweep()
            sweeps += 1

    async def upload(fill: int) -> None:
        nothing = Fraction(0)
        audio = TelephoneAudio(bytes([fill]) * 100)
        made = Upload(audio, "WAV", "pcm_s16le", 8_000, 1, False, nothing, nothing, nothing, nothing)
        for _ in range(100):
            token = recording_token(house.entropy(16))
            await house.recordings.keep(live, token, AudioName("busy"), made)
            assert (await house.recordings.audio(live, token)) == audio
            await house.recordings.delete(live, token)

    async def all_uploads() -> None:
        nonlocal uploading
        try:
            async with asyncio.TaskGroup() as uploads:
                for fill in range(6):
                    uploads.create_task(upload(fill))
        finally:
            uploading = False

    async with asyncio.timeout(60), asyncio.TaskGroup() as together:
        together.create_task(all_uploads())
        together.create_task(sweep())
    assert sweeps > 10


async def _until_waiting(gate: psycopg.AsyncConnection[Any], most: int, task: asyncio.Task[Any]) -> None:
    """Wait until so many statements wait for a lock, or the task has ended."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(10):
        while not task.done():
            row = await (await gate.execute(waiting)).fetchone()
            if row == (most,):
                return
            await asyncio.sleep(0.01)


def _sounds(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM sound").fetchone()
    assert row is not None
    return int(row[0])
