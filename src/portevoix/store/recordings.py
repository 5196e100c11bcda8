"""Recordings in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from portevoix.domain.audio import AudioName, TelephoneAudio, Upload
from portevoix.domain.recording import Made, Place, Recording, RecordingInUse, RecordingNotFound, Use
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("recordings")

SWEPT_AT_ONCE = 100
BEGINNING = Place(datetime(1970, 1, 1, tzinfo=UTC), "")


class PostgresRecordings:
    """The ``Recordings`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, account_id: int, token: str, name: AudioName, upload: Upload) -> Recording:
        """Keep a new recording, its audio once."""
        at, audio, made = self._clock.now(), upload.audio, Made.of(upload)
        digest = bytes.fromhex(audio.sha256)
        values = {
            "token": token,
            "account_id": account_id,
            "sha256": digest,
            "name": str(name),
            "container": made.container,
            "codec": made.codec,
            "trimmed_start": made.trimmed_start_samples,
            "trimmed_end": made.trimmed_end_samples,
            "gain": made.gain_tenths_db,
            "at": at,
        }
        sound = {"sha256": digest, "alaw": audio.alaw, "samples": audio.samples, "at": at}
        async with self._database.transaction() as connection:
            await connection.execute(SQL["keep_sound"], sound)
            await connection.execute(SQL["keep"], values)
        return Recording(token, name, audio.sha256, audio.samples, made, at)

    async def list(self, account_id: int, after: Place | None = None, most: int | None = None) -> Sequence[Recording]:
        """Read an account's recordings, oldest first, from after a place on."""
        return await self._read(account_id, after=after, most=most)

    async def newest(self, account_id: int, before: Place | None, most: int) -> Sequence[Recording]:
        """Read an account's recordings, the newest first, from before a place on."""
        values = {
            "account_id": account_id,
            "before_at": before.created_at if before else None,
            "before_token": before.token if before else None,
            "most": most,
        }
        return await self._recordings("newest", values)

    async def uses(self, account_id: int, token: str, before: int | None, most: int) -> Sequence[Use]:
        """Read which messages play or have played a recording, the newest first."""
        values = {"account_id": account_id, "token": token, "before_id": before, "most": most}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["uses"], values)).fetchall()
        return [Use(*row) for row in rows]

    async def find(self, account_id: int, token: str) -> Recording:
        """Read one recording."""
        found = await self._read(account_id, token=token)
        if not found:
            raise RecordingNotFound("there is no such recording")
        return found[0]

    async def rename(self, account_id: int, token: str, name: AudioName) -> Recording:
        """Change a recording's name."""
        await self._must(SQL["rename"], {"account_id": account_id, "token": token, "name": str(name)})
        return await self.find(account_id, token)

    async def delete(self, account_id: int, token: str) -> None:
        """Remove a recording; its audio is swept away later, if nothing else plays the same."""
        values = {"account_id": account_id, "token": token}
        (is_in_use,) = await self._must(SQL["in_use"], values)
        if is_in_use:
            raise RecordingInUse("a message that has not ended plays this recording")
        await self._must(SQL["delete"], {"account_id": account_id, "token": token})

    async def audio(self, account_id: int, token: str) -> TelephoneAudio:
        """Read what calls play."""
        (alaw,) = await self._must(SQL["audio"], {"account_id": account_id, "token": token})
        return TelephoneAudio(alaw)

    async def sweep(self) -> None:
        """Drop audio that no recording has any more."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["unused_sounds"], {"most": SWEPT_AT_ONCE})
            unused = [sha256 for (sha256,) in await cursor.fetchall()]
            await connection.execute(SQL["drop_sounds"], {"sounds": unused})

    async def _must(self, query: bytes, values: dict[str, Any]) -> tuple[Any, ...]:
        async with self._database.connection() as connection:
            row = await (await connection.execute(query, values)).fetchone()
        if row is None:
            raise RecordingNotFound("there is no such recording")
        return row

    async def _read(
        self, account_id: int, *, token: str | None = None, after: Place | None = None, most: int | None = None
    ) -> Sequence[Recording]:
        after = after or BEGINNING
        values = {
            "account_id": account_id,
            "token": token,
            "after_at": after.created_at,
            "after_token": after.token,
            "most": most,
        }
        return await self._recordings("recordings", values)

    async def _recordings(self, query: str, values: dict[str, Any]) -> Sequence[Recording]:
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL[query], values)).fetchall()
        return [
            Recording(token, AudioName(name), sha256, samples, Made(*made), created_at)
            for token, name, sha256, samples, *made, created_at in rows
        ]
