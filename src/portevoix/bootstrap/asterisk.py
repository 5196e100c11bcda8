"""The carrier of trunks of Asterisk, and their check."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from portevoix.bootstrap.trunks import Checked, OnCounted, OnHealth, TrunkCarrier
from portevoix.domain.trunk import Trunk
from portevoix.ports import Clock
from portevoix.settings import Settings

if TYPE_CHECKING:
    from portevoix.carrier.asterisk.terms import AsteriskTerms

CHECK_S = 5.0
"""How long a check waits for ARI."""


def terms_of(settings: Settings) -> AsteriskTerms:
    """Read how a node calls through Asterisk out of the settings, which name the folder of sounds."""
    from portevoix.carrier.asterisk.terms import AsteriskTerms

    here, _, there = (settings.asterisk_sounds or "").partition(":")
    folders = Path(here), PurePosixPath(there) if there else None
    return AsteriskTerms(
        *folders, ring_timeout_s=settings.ring_timeout_s, amd=settings.amd, record_s=settings.record_calls_s
    )


def open_asterisk(
    settings: Settings, clock: Clock, on_health: OnHealth, on_counted: OnCounted
) -> AbstractAsyncContextManager[TrunkCarrier]:
    """Make the carrier of trunks of Asterisk."""
    # A node without such trunks does without all of this.
    from portevoix.carrier.asterisk.carrier import AsteriskCarrier

    return AsteriskCarrier(terms_of(settings), clock, on_health=on_health, on_counted=on_counted)


async def check_asterisk(settings: Settings, trunk: Trunk, limit_s: float = CHECK_S) -> Checked:
    """Ask a trunk's Asterisk for its version, how the endpoint of the trunk's name fares, and to play something to us.

    Args:
        settings: name the folder of sounds.
        limit_s: how long to wait for each answer.
    """
    from portevoix.carrier.asterisk.ari import Ari, AriDown, AriRefused, AriUnclear
    from portevoix.carrier.asterisk.carrier import asterisk_version, endpoint_state
    from portevoix.carrier.asterisk.sounds import Sounds
    from portevoix.carrier.asterisk.trial import try_sounds

    assert trunk.credentials is not None
    ari = Ari(trunk.server, trunk.credentials, limit_s)
    keeper = asyncio.create_task(ari.run())
    try:
        await ari.ready()  # events too: a user that may not have them could make no call
        version, endpoint, sounds = await asterisk_version(ari), await endpoint_state(ari, trunk), None
        if settings.asterisk_sounds is not None:
            terms = terms_of(settings)
            sounds = await try_sounds(ari, trunk.server, Sounds(terms.sounds, terms.there))
        return Checked(is_found=True, asterisk=version, endpoint=endpoint, sounds=sounds)
    except (AriDown, AriRefused, AriUnclear, msgspec.DecodeError) as error:
        return Checked(is_found=True, asterisk="", reason=str(error))
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})
        await ari.close()
