"""The console in a real browser, against a real server: every page as people see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Response, expect

from tests.console.browser import chromium, needs_chromium
from tests.console.gallery import GALLERY, OUTSIDE, open_as
from tests.console.stage import MANAGER, PASSWORD, Stage, stage

pytestmark = [needs_chromium, pytest.mark.asyncio(loop_scope="module")]

MOST_BYTES = 100_000

#: What a page is made of; sound comes when somebody listens, and a stream as long as somebody looks.
WEIGHED = {"document", "stylesheet", "script", "image"}


@pytest.fixture(scope="module")
def staged() -> Iterator[Stage]:
    """A server of this file's own."""
    with stage() as set_up:
        yield set_up


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser of this file's own."""
    async with chromium() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def contexts(staged: Stage, browser: Browser) -> AsyncIterator[Mapping[bool, BrowserContext]]:
    """Nobody's window, and the operator's, by whether somebody is signed in; in English."""
    nobodys = await browser.new_context(base_url=staged.url, locale="en-GB")
    async with open_as(browser, staged, "en-GB") as operators:
        yield {False: nobodys, True: operators}


async def test_somebody_comes_by_a_link_and_signs_in_and_out(staged: Stage, browser: Browser) -> None:
    async with await browser.new_context(base_url=staged.url, locale="fr-FR") as context:
        page = await context.new_page()
        await page.goto(staged.manager_link)
        await page.get_by_label("Mot de passe").fill(PASSWORD)
        await page.get_by_role("button", name="Commencer").click()
        await expect(page.get_by_role("heading", name="Accueil")).to_be_visible()
        await page.get_by_role("button", name="Se déconnecter").click()
        await expect(page.get_by_role("status")).to_have_text("Vous êtes déconnecté.")
        await page.goto(staged.sandbox)
        await page.get_by_label("Adresse e-mail").fill(MANAGER)
        await page.get_by_label("Mot de passe").fill("a wrong password")
        await page.get_by_role("button", name="Se connecter").click()
        await expect(page.get_by_role("alert")).to_contain_text("ne vont pas ensemble")
        await page.get_by_label("Mot de passe").fill(PASSWORD)
        await page.get_by_role("button", name="Se connecter").click()
        await page.wait_for_url(f"**{staged.sandbox}")


@pytest.mark.parametrize("name", GALLERY)
async def test_nothing_keeps_anybody_from_using_a_page(
    staged: Stage, contexts: Mapping[bool, BrowserContext], name: str
) -> None:
    """axe-core finds no violation, in light and dark, and nothing has to be scrolled sideways on a phone."""
    page = await contexts[name not in OUTSIDE].new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    received: list[Response] = []
    page.on("response", lambda answer: received.append(answer))
    answer = await page.goto(GALLERY[name](staged))
    assert answer is not None
    assert answer.status == 200
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": 1_100, "height": 800})
        found = await Axe().run(page)
        assert not found.response["violations"], found.generate_report()
    await page.set_viewport_size({"width": 390, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    weights = [await weight(one) for one in received if one.request.resource_type in WEIGHED]
    assert 0 < sum(weights) < MOST_BYTES
    assert complaints == []
    await page.close()


async def weight(answer: Response) -> int:
    """Tell how many bytes came over the wire."""
    sizes = await answer.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]
