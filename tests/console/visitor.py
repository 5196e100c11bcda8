"""Somebody with a browser, without the browser: keeps the cookie, fills in forms, follows where it is led."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie

import httpx2

from portevoix.console.cookies import NAME

PASSWORD = "correct horse battery"
HERE = "http://portevoix.test"

_GUARD = re.compile(r'name="guard" value="([0-9a-f]{64})"')


@dataclass(eq=False)
class Visitor:
    """One browser.

    Args:
        http: to the server.
        token: of the session; empty before the sign-in.
        guard: of the forms that were shown last.
    """

    http: httpx2.AsyncClient
    token: str = ""
    guard: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"accept-language": "en"})

    async def get(self, path: str) -> httpx2.Response:
        """Open a page."""
        return self._keep(await self.http.get(path, headers=self._headers()))

    async def post(self, path: str, files: object = None, **fields: str) -> httpx2.Response:
        """Send a form as one of our pages would."""
        data = {"guard": self.guard, **fields}
        headers = {**self._headers(), "sec-fetch-site": "same-origin", "origin": HERE}
        return self._keep(await self.http.post(path, data=data, files=files, headers=headers))  # type: ignore[arg-type]

    async def follow(self, answer: httpx2.Response) -> httpx2.Response:
        """Go where an answer leads."""
        while answer.status_code == 303:
            answer = await self.get(answer.headers["location"])
        return answer

    async def come(self, link: str) -> None:
        """Come by an invitation, and choose the password."""
        answer = await self.post(link, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        await self.get("/console/me")

    async def sign_in(self, email: str, password: str = PASSWORD, code: str = "") -> httpx2.Response:
        """Sign in; the guard is read from a page with forms."""
        answer = await self.post("/console/sign-in", email=email, password=password, code=code)
        if answer.status_code == 303:
            await self.get("/console/me")
        return answer

    def _headers(self) -> dict[str, str]:
        return {**self.headers, **({"cookie": f"{NAME}={self.token}"} if self.token else {})}

    def _keep(self, answer: httpx2.Response) -> httpx2.Response:
        for value in answer.headers.get_list("set-cookie"):
            self.token = SimpleCookie(value)[NAME].value
        if guard := _GUARD.search(answer.text if "text/html" in answer.headers.get("content-type", "") else ""):
            self.guard = guard[1]
        return answer


def words_of(page: httpx2.Response) -> str:
    """Read what a page says, without its marks."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page.text, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()
