"""How pages are made: templates, the files beside them, and what a browser may do with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from portevoix.console import words
from portevoix.console.phrases import phrase
from portevoix.console.texts import Texts, texts_in
from portevoix.domain.person import Language
from portevoix.web.answer import Answer, Headers

HTML = b"text/html; charset=utf-8"
PREFIX = "/console"

_TYPES = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8", "svg": b"image/svg+xml"}

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

#: What a page may load and do: only what is ours, and nothing that stands in the page itself.
HEADERS: Headers = (
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"microphone=(self), camera=(), geolocation=()"),
)


@cache
def _assets() -> dict[str, bytes]:
    folder = files("portevoix.console").joinpath("static")
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _TYPES}


@cache
def asset_path(name: str) -> str:
    """Name a file beside the pages; the name changes with what is in it, so that it may be kept for ever."""
    return f"{PREFIX}/static/{sha256(_assets()[name]).hexdigest()[:16]}/{name}"


def asset(name: str) -> Answer | None:
    """Give a file beside the pages."""
    body = _assets().get(name)
    if body is None:
        return None
    return Answer(200, body, _TYPES[name.rpartition(".")[2]], cached=b"public, max-age=31536000, immutable")


@cache
def environment(language: Language) -> Environment:
    """Open the templates in a language; what they are given is escaped."""
    texts = texts_in(language)
    made = Environment(
        loader=PackageLoader("portevoix.console"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]
        texts.say, lambda one, many, count: texts.say_number(one, many, count), newstyle=True
    )
    made.filters.update(
        euros=texts.euros,
        number=texts.number,
        decimal=texts.decimal,
        percent=texts.percent,
        moment=lambda moment: _time(texts, moment),
        duration=texts.duration,
        word=lambda code: words.word(texts, str(code)),
        phrase=lambda text: phrase(texts, str(text)),
    )
    made.globals.update(asset=asset_path, prefix=PREFIX, language=language)
    return made


def render(texts: Texts, template: str, shown: Mapping[str, object]) -> str:
    """Write a template."""
    return environment(texts.language).get_template(template).render(shown)


def _time(texts: Texts, moment: datetime) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), escape(texts.moment(moment))
    )
