"""Speech that was made before: kept in memory, bounded, least recently used first out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.speech import Utterance, Voice
from portevoix.ports import Speech

_Key = tuple[str, str, int, str]


class CachedSpeech:
    """An engine whose speech is kept, by engine, voice, rate and text.

    Whoever asks for a text that is being said waits for that, and does not have it said again; it is given up
    only when nobody waits for it any more. Failures are not kept.

    Args:
        engine: which speaks.
        most_bytes: of audio that is kept; 16 MB is half an hour.
    """

    def __init__(self, engine: Speech, most_bytes: int = 16 * 1_024 * 1_024) -> None:
        self._engine = engine
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, TelephoneAudio] = OrderedDict()
        self._kept_bytes = 0
        self._speaking: dict[_Key, _Speaking] = {}
        self.hits = 0
        self.misses = 0

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def voices(self) -> Sequence[Voice]:
        return self._engine.voices

    def voice(self, language: str) -> Voice:
        return self._engine.voice(language)

    @property
    def kept_bytes(self) -> int:
        """How much audio is kept."""
        return self._kept_bytes

    async def speak(self, utterance: Utterance) -> TelephoneAudio:
        voice = self._engine.voice(utterance.language)
        key = (self._engine.name, voice.id, utterance.rate.percent, utterance.text)
        kept = self._kept.get(key)
        if kept is not None:
            self.hits += 1
            self._kept.move_to_end(key)
            return kept
        speaking = self._speaking.get(key)
        if speaking is None:
            self.misses += 1
            speaking = self._speaking[key] = _Speaking(asyncio.create_task(self._speak(key, utterance)))
        else:
            self.hits += 1
        return await self._wait(key, speaking)

    async def _wait(self, key: _Key, speaking: _Speaking) -> TelephoneAudio:
        speaking.waiting += 1
        try:
            # Shielded: one who goes away does not take it from the others.
            return await asyncio.shield(speaking.task)
        finally:
            speaking.waiting -= 1
            if speaking.waiting == 0 and not speaking.task.done():
                speaking.task.cancel()
                if self._speaking.get(key) is speaking:
                    del self._speaking[key]

    async def _speak(self, key: _Key, utterance: Utterance) -> TelephoneAudio:
        try:
            audio = await self._engine.speak(utterance)
        finally:
            speaking = self._speaking.get(key)
            if speaking is not None and speaking.task is asyncio.current_task():
                del self._speaking[key]
        self._keep(key, audio)
        return audio

    def _keep(self, key: _Key, audio: TelephoneAudio) -> None:
        if audio.samples > self._most_bytes:
            return
        before = self._kept.pop(key, None)
        self._kept[key] = audio
        self._kept_bytes += audio.samples - (before.samples if before else 0)
        while self._kept_bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= oldest.samples


class _Speaking:
    """A text that is being said, and how many wait for it."""

    def __init__(self, task: asyncio.Task[TelephoneAudio]) -> None:
        self.task = task
        self.waiting = 0
