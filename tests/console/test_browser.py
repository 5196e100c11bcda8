"""The console in a real browser, against a real server: every page as people see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, Response, expect

from tests.console.browser import chromium, needs_chromium
from tests.console.gallery import GALLERY, OUTSIDE, open_as
from tests.console.stage import MANAGER, PASSWORD, Stage, stage

pytestmark = [needs_chromium, pytest.mark.asyncio(loop_scope="module")]

MOST_BYTES = 100_000
PATIENCE_MS = 60_000
SPOKEN_MS = 1_500

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


@pytest.mark.parametrize("locale", ["fr-FR", "en-GB"])
async def test_a_message_is_heard_sent_watched_paid_for_and_another_one_cancelled(
    staged: Stage, browser: Browser, locale: str
) -> None:
    async with open_as(browser, staged, locale) as context:
        page = await context.new_page()
        await write(page, staged, "Le marché n'a pas lieu.", "06 39 98 00 00\n06 39 98 00 11\n06 39 98 00 13")
        await page.locator("[data-hear]").click()
        sound = page.locator("#hear audio")
        await expect(sound).to_be_visible()
        lasts_s = "audio => new Promise(told => { audio.onloadedmetadata = () => told(audio.duration); audio.load(); })"
        assert 0.5 < await sound.evaluate(lasts_s) < 5
        await page.locator("button.main:visible").click()
        await page.wait_for_url("**/send/*")
        await page.locator("form button.main").click()
        await page.wait_for_url("**/campaigns/*")
        sent = page.url
        await expect(page.locator("#progress progress")).to_have_attribute("value", "3", timeout=PATIENCE_MS)
        await expect(page.locator("#calls .state")).to_have_count(3)
        await page.goto(f"{staged.sandbox}/ledger")
        assert await page.locator(f"a[href^='{path_of(sent)}/calls/']").count() >= 3
        await write(page, staged, "Rappel.", "06 39 98 00 00", at=in_a_month())
        await page.locator("button.main:visible").click()
        await page.locator("form button.main").click()
        await page.wait_for_url("**/campaigns/*")
        await page.locator("#actions a[href$='/cancel']").click()
        await page.locator("button.danger").click()
        await expect(page.locator(".note.good")).to_be_visible()
        await expect(page.locator("#progress .state, .state.cancelled").first).to_be_visible()


async def test_without_javascript_a_message_is_sent_and_followed_by_hand(staged: Stage, browser: Browser) -> None:
    async with open_as(browser, staged, "fr-FR", java_script_enabled=False) as context:
        page = await context.new_page()
        await write(page, staged, "Bonjour.", "06 39 98 00 00")
        await page.locator("[data-hear]").click()
        await expect(page.locator("#hear audio")).to_be_visible()
        await page.locator("button.main:visible").click()
        await page.locator("form button.main").click()
        await page.wait_for_url("**/campaigns/*")
        while await page.locator("#progress progress").get_attribute("value") != "1":
            await page.reload()


async def test_a_recording_is_made_with_the_microphone(staged: Stage, browser: Browser) -> None:
    async with open_as(browser, staged, "fr-FR", permissions=["microphone"]) as context:
        page = await context.new_page()
        await page.goto(f"{staged.sandbox}/recordings")
        before = await page.locator(".shelf > li").count()
        await page.locator("[data-record]").click()
        await page.wait_for_timeout(SPOKEN_MS)  # somebody has to speak for a while
        await page.locator("[data-stop]").click()
        await expect(page.locator("[data-heard]")).to_be_visible()
        await page.locator("form[data-upload] button.main").click()
        await page.wait_for_url("**/recordings/*")
        await page.goto(f"{staged.sandbox}/recordings")
        await expect(page.locator(".shelf > li")).to_have_count(before + 1)


async def test_the_sandbox_begins_anew(staged: Stage, browser: Browser) -> None:
    async with open_as(browser, staged, "fr-FR") as context:
        page = await context.new_page()
        await page.goto(f"{staged.sandbox}/phones")
        assert await page.locator(".phone").count() > 0
        await page.locator("a[href$='/phones/reset']").click()
        await page.locator("button.danger").click()
        await expect(page.locator(".note.good")).to_be_visible()
        await expect(page.locator(".phone")).to_have_count(0)
        await page.goto(staged.sandbox)
        await expect(page.locator(".large")).to_have_text("100,00\xa0€")


async def write(page: Page, staged: Stage, text: str, numbers: str, at: str = "") -> None:
    """Write a message."""
    await page.goto(f"{staged.sandbox}/send")
    await page.locator("textarea[name=text]").fill(text)
    await page.locator("textarea[name=numbers]").fill(numbers)
    await page.locator("input[name=at]").fill(at)


def in_a_month() -> str:
    """Write a date as a field of a form has it."""
    return (datetime.now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M")  # noqa: DTZ005 - about a month


def path_of(url: str) -> str:
    """Cut the server and what was said off an address."""
    return urlsplit(url).path
