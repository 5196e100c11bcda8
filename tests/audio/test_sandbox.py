"""Whatever a job does, the server goes on and is told what happened."""

import asyncio
import os
import platform
import signal
import socket
import sys
from pathlib import Path

import pytest

from portevoix.audio.sandbox import (
    JobCrashed,
    JobLimits,
    JobModule,
    JobOutOfMemory,
    JobOutputTooLarge,
    JobRefused,
    JobTimedOut,
    Sandbox,
    SandboxLost,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of this system does not enforce it")


HANGING = JobLimits(wall_s=60, reads_files=True)


class Started:
    """A named pipe, by which a job says that it runs."""

    def __init__(self, path):
        self.arguments = {"tell": str(path)}
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._heard = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._heard.set)

    async def wait(self):
        async with asyncio.timeout(20):
            await self._heard.wait()
        self.close()

    def close(self):
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


@pytest.fixture
async def started(tmp_path):
    pipe = Started(tmp_path / "started")
    yield pipe
    pipe.close()


async def works(sandbox):
    reply = await sandbox.run("test.told", {}, b"abc")
    return reply.report == {"bytes": 3} and reply.body == b"cba"


async def gone(process_id):
    """Wait until a process has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(process_id)
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(20):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def test_a_job_gives_its_report_and_its_body(sandbox):
    body = os.urandom(3_000_000)
    reply = await sandbox.run("test.told", {}, body)
    assert reply.report == {"bytes": len(body)}
    assert reply.body == body[::-1]


@pytest.mark.parametrize(
    ("job", "limits", "error"),
    [
        ("test.spin", JobLimits(cpu_s=1), JobTimedOut),
        ("test.spin", JobLimits(wall_s=0.3), JobTimedOut),
        pytest.param("test.bomb", JobLimits(), JobOutOfMemory, marks=linux),
        pytest.param("test.native_bomb", JobLimits(), JobOutOfMemory, marks=linux),
        ("test.segfault", JobLimits(), JobCrashed),
        ("test.abort", JobLimits(), JobCrashed),
        ("test.leave", JobLimits(), JobCrashed),
        ("test.fault", JobLimits(), JobCrashed),
        ("test.unknown", JobLimits(), JobCrashed),
    ],
)
async def test_a_bad_job_ends_alone(sandbox, job, limits, error):
    process_id = sandbox.process_id
    with pytest.raises(error):
        await sandbox.run(job, {}, limits=limits)
    assert await works(sandbox)
    assert sandbox.process_id == process_id


async def test_a_job_that_hangs_without_using_the_cpu_is_ended(sandbox, started):
    with pytest.raises(JobTimedOut):
        await sandbox.run("test.hang", started.arguments, limits=JobLimits(wall_s=0.3, reads_files=True))
    assert await works(sandbox)


async def test_a_result_over_its_limit_is_refused(sandbox):
    with pytest.raises(JobOutputTooLarge):
        await sandbox.run("test.flood", {"bytes": 2_000_000}, limits=JobLimits(output_bytes=1_000_000))
    assert await works(sandbox)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("ffffffffffffffff", JobOutputTooLarge),  # lengths of 4 GB
        ("05000000ffffff7f" + b"{}   ".hex(), JobOutputTooLarge),
        ("0400000000000000" + b"oops".hex(), JobCrashed),  # no JSON
        ("0200000000000000" + b"[]".hex(), JobCrashed),  # no object
        ("ff00000000000000", JobCrashed),  # less than it claims
        ("00", JobCrashed),
        ("", JobCrashed),
    ],
)
async def test_a_job_that_has_been_taken_over_can_only_fail(sandbox, answer, error):
    with pytest.raises(error):
        await sandbox.run("test.lie", {"hex": answer})
    assert await works(sandbox)


async def test_a_refusal_keeps_its_code(sandbox):
    with pytest.raises(JobRefused) as refused:
        await sandbox.run("audio.receive", {"duration_s": 1}, b"text")
    assert refused.value.code == "audio_unsupported"


async def test_when_the_sandbox_is_killed_the_job_in_flight_fails_and_the_next_one_works(sandbox, started):
    job = asyncio.create_task(sandbox.run("test.hang", started.arguments, limits=HANGING))
    await started.wait()
    killed = sandbox.process_id
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(SandboxLost):
        await job
    assert await works(sandbox)
    assert sandbox.process_id not in (None, killed)


async def test_several_jobs_run_together_and_a_crash_in_one_leaves_the_others(sandbox, started):
    waiting = asyncio.create_task(sandbox.run("test.hang", started.arguments, limits=HANGING))
    await started.wait()
    with pytest.raises(JobCrashed):
        await sandbox.run("test.segfault", {})
    assert await works(sandbox)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_job_that_nobody_waits_for_any_more_is_killed(sandbox, started):
    job = asyncio.create_task(sandbox.run("test.hang", started.arguments, limits=HANGING))
    await started.wait()
    (child,) = children_of(sandbox.process_id)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    await gone(child)
    assert await works(sandbox)


async def test_closing_ends_the_process_and_its_jobs(started):
    sandbox = Sandbox([JobModule("hostile_jobs")])
    job = asyncio.create_task(sandbox.run("test.hang", started.arguments, limits=HANGING))
    await started.wait()
    process_id = sandbox.process_id
    (child,) = children_of(process_id)
    waiting_for_child = asyncio.create_task(gone(child))
    await asyncio.wait([waiting_for_child], timeout=0)
    await sandbox.close()
    with pytest.raises(SandboxLost):
        await job
    await waiting_for_child
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


@linux
async def test_jobs_die_with_a_sandbox_that_is_killed(sandbox, started):
    job = asyncio.create_task(sandbox.run("test.hang", started.arguments, limits=HANGING))
    await started.wait()
    (child,) = children_of(sandbox.process_id)
    waiting_for_child = asyncio.create_task(gone(child))
    await asyncio.wait([waiting_for_child], timeout=0)
    os.kill(sandbox.process_id, signal.SIGKILL)
    with pytest.raises(SandboxLost):
        await job
    await waiting_for_child


async def test_a_sandbox_that_cannot_start_says_so():
    sandbox = Sandbox([JobModule("hostile_jobs", {"refuse": True})])
    with pytest.raises(SandboxLost, match="did not start"):
        await sandbox.run("test.told", {})
    await sandbox.close()


@linux
async def test_a_job_reaches_nothing_outside(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTEVOIX_SECRET", "not for the sandbox")
    with socket.create_server(("127.0.0.1", 0)) as outside:
        arguments = {
            "port": outside.getsockname()[1],
            "path": str(tmp_path / "written"),
            "server": os.getpid(),
            "tgkill": 234 if platform.machine() == "x86_64" else 131,
            "list": False,
        }
        async with Sandbox([JobModule("hostile_jobs")]) as fresh:
            report = (await fresh.run("test.reach_out", arguments)).report
            voice = (
                await fresh.run("test.reach_out", arguments | {"list": True}, limits=JobLimits(reads_files=True))
            ).report
    assert report["read"] == "OSError"
    assert not set(report["environment"]) - {"LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    for each in (report, voice):
        assert each["write"] != "done"
        assert each["fork"] != "done"
        assert {each[way] for way in ("connect", "kill", "thread_kill")} == {"PermissionError"}
    # 0 to 2 lead to /dev/null, 3 is the job's own socket, the last is the listing itself.
    assert voice["descriptors"] == [0, 1, 2, 3, 4]


async def test_many_jobs_at_once_all_come_back(sandbox):
    replies = await asyncio.gather(*(sandbox.run("test.told", {}, bytes([n])) for n in range(100)))
    assert [reply.body[0] for reply in replies] == list(range(100))
    assert sandbox.peak_bytes > 0


def children_of(process_id):
    listing = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii")
    return [int(each) for each in listing.split()]
