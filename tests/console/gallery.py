"""Every page of the console, for looking at: python -m tests.console.gallery FOLDER takes their pictures."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext

from tests.console.browser import chromium
from tests.console.stage import OPERATOR, PASSWORD, Stage, stage

#: Each page's address on a stage, by its path below /console.
GALLERY: dict[str, Callable[[Stage], str]] = {
    "/sign-in": lambda _: "/console/sign-in?next=",
    "/me": lambda _: "/console/me",
    "/{account}/{mode}": lambda staged: staged.sandbox,
    "/{account}/{mode}/send": lambda staged: f"{staged.sandbox}/send",
    "/{account}/{mode}/recordings": lambda staged: f"{staged.sandbox}/recordings",
    "/{account}/{mode}/recordings/{recording}": lambda staged: f"{staged.sandbox}/recordings/{staged.recording}",
    "/{account}/{mode}/campaigns": lambda staged: f"{staged.sandbox}/campaigns",
    "/{account}/{mode}/campaigns/{campaign}": lambda staged: f"{staged.sandbox}/campaigns/{staged.finished}",
    "/{account}/{mode}/campaigns/{campaign}/calls/{position}": lambda staged: (
        f"{staged.sandbox}/campaigns/{staged.finished}/calls/1"
    ),
    "/{account}/{mode}/campaigns/{campaign}/cancel": lambda staged: (
        f"{staged.sandbox}/campaigns/{staged.scheduled}/cancel"
    ),
    "/{account}/{mode}/ledger": lambda staged: f"{staged.sandbox}/ledger",
    "/{account}/{mode}/phones": lambda staged: f"{staged.sandbox}/phones",
    "/{account}/{mode}/phones/reset": lambda staged: f"{staged.sandbox}/phones/reset",
    "/{account}/{mode}/developers": lambda staged: f"{staged.sandbox}/developers",
    "/{account}/{mode}/developers/keys/{key}": lambda staged: f"{staged.sandbox}/developers/keys/{staged.key}",
    "/{account}/{mode}/developers/requests": lambda staged: f"{staged.sandbox}/developers/requests",
    "/{account}/{mode}/developers/requests/{request}": lambda staged: (
        f"{staged.sandbox}/developers/requests/{staged.request}"
    ),
    "/operator": lambda _: "/console/operator",
    "/operator/open": lambda _: "/console/operator/open",
    "/operator/accounts/{account}/{mode}": lambda staged: f"/console/operator/accounts/{staged.account}/sandbox",
    "/operator/people": lambda _: "/console/operator/people",
    "/operator/system": lambda _: "/console/operator/system",
    "/operator/deeds": lambda _: "/console/operator/deeds",
    "/operator/tariffs": lambda _: "/console/operator/tariffs",
    "/operator/tariffs/rates": lambda _: "/console/operator/tariffs/rates",
}

#: Pages for who is not signed in.
OUTSIDE = {"/sign-in"}

#: What has no looks of its own, with the reason.
NOT_SHOWN = {
    "": "leads on",
    "/": "leads on",
    "/welcome/{token}": "is there once; the test of coming in opens it",
    "/{account}/{mode}/send/{draft}": "follows what is typed; the test of sending opens it",
    "/operator/tariffs/drafts/{draft}": "follows a file; the test of tariffs opens it",
    "/{account}/{mode}/live": "a stream",
    "/{account}/{mode}/campaigns/{campaign}/live": "a stream",
    "/{account}/{mode}/send/{draft}/speech.wav": "sound",
    "/{account}/{mode}/recordings/{recording}/sound.wav": "sound",
    "/{account}/{mode}/recordings/{recording}/waveform.svg": "a picture in other pages",
    "/{account}/{mode}/campaigns/{campaign}/audio.wav": "sound",
    "/{account}/{mode}/campaigns/{campaign}/calls.csv": "a file",
    "/{account}/{mode}/campaigns/{campaign}/calls/{position}/recording.wav": "sound",
    "/{account}/{mode}/ledger.csv": "a file",
    "/{account}/{mode}/phones/{entry}/audio.wav": "sound",
}

#: Pictures of each page: a name, and what is different.
LOOKS: dict[str, dict[str, object]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1_100, "height": 760}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1_100, "height": 760}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


@asynccontextmanager
async def open_as(browser: Browser, staged: Stage, locale: str, **looks: object) -> AsyncIterator[BrowserContext]:
    """Open a browser's window for the operator, who comes by the link the first time."""
    context = await browser.new_context(base_url=staged.url, locale=locale, **looks)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(staged.operator_link)
    if await page.locator("input[name=password]").count():
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("button.main").click()
    else:
        await page.goto("/console/sign-in")
        await page.locator("input[name=email]").fill(OPERATOR)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("button.main").click()
    await page.goto("/console/me")
    await page.close()
    yield context
    await context.close()


def name_of(path: str) -> str:
    """Name a page's picture."""
    parts = [part for part in path.split("/") if part and part not in ("{account}", "{mode}")]
    return "-".join("one" if part.startswith("{") else part for part in parts) or "home"


async def take_pictures(folder: Path) -> None:
    """Take the picture of every page, in each of its looks."""
    with stage() as staged:
        async with chromium() as browser:
            for look, terms in LOOKS.items():
                outside = await browser.new_context(base_url=staged.url, locale="fr-FR", **terms)  # type: ignore[arg-type]
                async with outside, open_as(browser, staged, "fr-FR", **terms) as inside:
                    for path, address in GALLERY.items():
                        page = await (outside if path in OUTSIDE else inside).new_page()
                        await page.goto(address(staged))
                        await page.screenshot(path=folder / f"{name_of(path)}-{look}.png", full_page=True)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(take_pictures(Path(sys.argv[1])))
