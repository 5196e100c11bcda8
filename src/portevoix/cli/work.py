"""portevoix work: dial and deliver."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from types import FrameType

import click
import uvloop

from portevoix import bootstrap
from portevoix.bootstrap.process import work
from portevoix.cli.serve import must_be_free
from portevoix.cli.session import data_option, read_settings, told_errors

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command(name="work")
@data_option
def command(data: Path | None) -> None:
    """Dial and deliver, without the API and the console; Ctrl-C stops it.

    Calls under way are let go on for PORTEVOIX_DRAIN_S at most. Told again, it hangs them up, and they are lost.
    """
    settings = read_settings(data=data)
    stop = _Stop()
    if settings.work_metrics is not None:
        must_be_free(settings.work_metrics.host, settings.work_metrics.port)
    with told_errors(), bootstrap.database(settings) as url:
        bootstrap.prepare(settings, url)
        uvloop.run(work(settings, url, lambda: _until(stop), stop.told_again))


async def _until(stop: _Stop) -> None:
    click.echo("Portevoix is at work", err=True)
    await stop.told()
    click.echo("Portevoix stops", err=True)


class _Stop:
    """Counts SIGTERM and SIGINT, also while the process still starts; those after the second find it on its way out."""

    def __init__(self) -> None:
        self._times = 0
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        for number in SIGNALS:
            signal.signal(number, self._tell)

    async def told(self) -> None:
        """Wait until the process is told to stop."""
        await self._until(1)

    async def told_again(self) -> None:
        """Wait until it is told so once more: whoever tells it is in a hurry."""
        await self._until(2)

    async def _until(self, times: int) -> None:
        news = asyncio.Event()
        self._waiting = asyncio.get_running_loop(), news
        while self._times < times:
            await news.wait()
            news.clear()

    def _tell(self, _number: int, _frame: FrameType | None) -> None:
        self._times += 1
        if self._times > 1:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        if self._waiting is not None:
            loop, news = self._waiting
            loop.call_soon_threadsafe(news.set)
