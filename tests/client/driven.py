"""The async client, driven as if it were the sync one, so that a test is written once for both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from portevoix.client import AsyncVoicePartner


class _Sync:
    def __init__(self, runner: asyncio.Runner, client: object) -> None:
        self._runner = runner
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return _Sync(self._runner, found)

        def use(*arguments: object, **options: object) -> Any:
            made = found(*arguments, **options)
            if inspect.isawaitable(made):
                return self._runner.run(_of(made))
            return self._through(made)

        return use

    def _through(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._runner.run(_of(items.__anext__()))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(items.aclose())  # type: ignore[attr-defined]


async def _of(made: Any) -> Any:
    return await made


class Driven(_Sync):
    """The async client, as a context manager."""

    def __init__(self, api_key: str, **options: Any) -> None:
        super().__init__(asyncio.Runner(), AsyncVoicePartner(api_key, **options))

    def __enter__(self) -> Driven:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.aclose()
        self._runner.close()
