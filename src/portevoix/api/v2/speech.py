"""/v2/speech and /v2/voices: texts as the phone will say them."""

from __future__ import annotations

from portevoix.api.v2.audio import MEDIA_WAV, WAV, write_wav
from portevoix.api.v2.operation import Call, Operation
from portevoix.api.v2.wire import audio as wire
from portevoix.domain.account import Scope
from portevoix.domain.speech import SpeechFailed, SpeechUnavailable, Utterance
from portevoix.service.speech import list_voices, say
from portevoix.web.answer import Answer


async def _speak(call: Call[None, wire.SpeechRequest]) -> Answer:
    asked = call.body
    audio = await say(call.house, Utterance.parse(asked.text, asked.lang, asked.speech_rate))
    body = write_wav(call.house, audio, asked.encoding)
    return Answer(200, body, WAV)


async def _voices(call: Call[None, None]) -> wire.Voices:
    return wire.Voices([wire.voice(voice) for voice in list_voices(call.house)])


SPEECH_OPERATIONS = (
    Operation(
        name="speech",
        method="POST",
        path="/v2/speech",
        summary="Hear a text",
        description="A WAV file of a text with the samples that the phone will play. Each comma is a pause of 0.5 s.",
        scope=Scope.SEND,
        answer=MEDIA_WAV,
        run=_speak,
        body=wire.SpeechRequest,
        refusals=(SpeechFailed, SpeechUnavailable),
    ),
    Operation(
        name="voices",
        method="GET",
        path="/v2/voices",
        summary="List the voices",
        description="The voices of the speech engine in use, the default first.",
        scope=Scope.READ,
        answer=wire.Voices,
        run=_voices,
    ),
)
