# SPDX-License-Identifier: MIT
"""The client, sync and async, over one description of each request."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from urllib.parse import quote

import httpx2

from portevoix.client.errors import ConnectionFailed, TimedOut
from portevoix.client.wire import Credit, parse_credit

#: Where ``portevoix demo`` and ``portevoix serve`` listen.
LOCAL = "http://127.0.0.1:8080"

TIMEOUT_S = 10.0


class _KeyFilter(logging.Filter):
    """Cuts the API key out of the URLs that the HTTP library logs."""

    _KEY = re.compile(r"(/v1/(?:me|audios)/)[^/?\s\"]+")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._KEY.sub(r"\1…", record.getMessage()), ()
        return True


logging.getLogger("httpx2").addFilter(_KeyFilter())


class VoicePartner:
    """A client of Portevoix or of Voice Partner. Close it, or use it in a ``with`` block.

    Args:
        api_key: the account's key.
        base_url: where the service is, without ``/v1``.
        timeout_s: how long to wait for an answer.
    """

    def __init__(self, api_key: str, *, base_url: str = LOCAL, timeout_s: float = TIMEOUT_S) -> None:
        self._api_key = api_key
        self._http = httpx2.Client(base_url=base_url, timeout=timeout_s)

    def credits(self) -> Credit:
        """Ask for the credit.

        Raises:
            ApiError: the service refused; the subclass says why.
            ConnectionFailed: it was not reached, or did not answer in time.
            UnexpectedAnswer: what answered is not this API.
        """
        with _told():
            answer = self._http.get(_me(self._api_key))
        return parse_credit(answer.status_code, answer.headers, answer.content)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> VoicePartner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncVoicePartner:
    """The same client for asyncio. Close it, or use it in an ``async with`` block.

    Args:
        api_key: the account's key.
        base_url: where the service is, without ``/v1``.
        timeout_s: how long to wait for an answer.
    """

    def __init__(self, api_key: str, *, base_url: str = LOCAL, timeout_s: float = TIMEOUT_S) -> None:
        self._api_key = api_key
        self._http = httpx2.AsyncClient(base_url=base_url, timeout=timeout_s)

    async def credits(self) -> Credit:
        """Ask for the credit. Raises as ``VoicePartner.credits`` does."""
        with _told():
            answer = await self._http.get(_me(self._api_key))
        return parse_credit(answer.status_code, answer.headers, answer.content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncVoicePartner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _me(api_key: str) -> str:
    return f"/v1/me/{quote(api_key, safe='')}"


@contextmanager
def _told() -> Iterator[None]:
    """Turn the HTTP library's errors into ours, without the URL, which holds the key."""
    try:
        yield
    except httpx2.TimeoutException:
        raise TimedOut("the service did not answer in time") from None
    except httpx2.HTTPError as problem:
        raise ConnectionFailed(f"the service could not be reached: {type(problem).__name__}") from None
    except httpx2.InvalidURL:
        raise ConnectionFailed("the base URL is not a URL") from None
