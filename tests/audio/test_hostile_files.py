"""Thousands of files that want to break the decoder: each gets audio or a refusal, and that is all."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest
from hostile_files import hostile_files, hours_of_opus, wav_header

from portevoix.audio.sandbox import JobCrashed, JobLimits
from portevoix.audio.upload import Uploads
from portevoix.domain.audio import AudioLimits, AudioRefused, AudioTooLong


def resident_bytes():
    """This process's memory, the sandbox's not counted."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
async def test_no_hostile_file_breaks_the_server(sandbox):
    uploads = Uploads(sandbox, job_limits=JobLimits(cpu_s=10, wall_s=20.0))
    process_id = sandbox.process_id
    files = list(hostile_files())
    ends = Counter()
    waiting = iter(files)

    async def take():
        for name, data in waiting:
            try:
                upload = await uploads.receive(data)
            except AudioRefused as refusal:
                ends[refusal.code] += 1
                ends["crashed"] += isinstance(refusal.__cause__, JobCrashed)
            else:
                assert 0 < upload.audio.samples <= 600 * 8_000, name
                ends["taken"] += 1

    before = resident_bytes()
    await asyncio.gather(take(), take())
    assert len(files) >= 2_000
    assert sum(ends.values()) - ends["crashed"] == len(files)
    # The files are varied enough to reach every outcome.
    assert min(ends["taken"], ends["audio_broken"], ends["audio_empty"], ends["audio_unsupported"]) > 20, ends
    assert sandbox.process_id == process_id
    assert sandbox.peak_bytes < 200_000_000
    assert resident_bytes() - before < 20_000_000


async def test_hours_in_a_small_file_are_refused_by_their_length(sandbox):
    with pytest.raises(AudioTooLong, match="600 s"):
        await Uploads(sandbox).receive(hours_of_opus(10))
    uploads = Uploads(sandbox, AudioLimits(duration_s=60))
    with pytest.raises(AudioTooLong):
        await uploads.receive(wav_header(1_000_000, 4_000, bits=8) + bytes(range(250)) * 4_000)
