"""The page at /docs/voices: every voice of the speech engine in use, to be heard as the phone plays it."""

from __future__ import annotations

from starlette.types import Scope

from portevoix.api.reference_page import HTML, STYLE_PATH, policy, templates
from portevoix.domain.errors import DomainError
from portevoix.domain.speech import Utterance
from portevoix.ports import House
from portevoix.service.speech import list_voices, say
from portevoix.web.answer import Answer

FRENCH = "Bonjour. Votre rendez-vous est confirmé pour lundi, à 14h30. Le prix est de 12,50 €."
OTHER = "1, 2, 3, 4, 5."  # every voice says numbers in its own language

_WAV = b"audio/wav"
_POLICY = policy("style-src 'self'; media-src 'self'")


def render(house: House) -> Answer:
    """Write the page."""
    page = (
        templates()
        .get_template("voices.html")
        .render(voices=list_voices(house), style=STYLE_PATH, french=FRENCH, other=OTHER)
    )
    return Answer(200, page.encode(), HTML, _POLICY)


async def sample(house: House, scope: Scope) -> Answer:
    """Say a voice's sample. The text is always the same, so that it is made once and kept."""
    asked = scope["path_params"]["voice"]
    voice = next((voice for voice in list_voices(house) if voice.id == asked), None)
    if voice is None:
        return Answer(404, b"there is no such voice\n", b"text/plain; charset=utf-8")
    try:
        audio = await say(house, Utterance(FRENCH if voice.language.startswith("fr") else OTHER, voice.language))
    except DomainError as error:
        return Answer(503, f"{error.message}\n".encode(), b"text/plain; charset=utf-8")
    return Answer(200, house.waves.linear(audio), _WAV)
