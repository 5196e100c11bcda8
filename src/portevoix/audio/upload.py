"""Receiving recordings: any file that is taken, made into telephone audio in the sandbox."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from portevoix.audio.sandbox import (
    JobCrashed,
    JobLimits,
    JobOutOfMemory,
    JobOutputTooLarge,
    JobRefused,
    JobTimedOut,
    Sandbox,
    SandboxLost,
)
from portevoix.domain.audio import (
    RATE_HZ,
    AudioBroken,
    AudioEmpty,
    AudioLimits,
    AudioRefused,
    AudioTooLarge,
    AudioTooLong,
    AudioUnavailable,
    AudioUnsupported,
    TelephoneAudio,
    Upload,
)

_REFUSALS: dict[str, type[AudioRefused]] = {
    refusal.code: refusal for refusal in (AudioEmpty, AudioUnsupported, AudioTooLarge, AudioTooLong, AudioBroken)
}


class _Report(msgspec.Struct, frozen=True):
    """What the sandbox tells of an upload; checked like anything from outside."""

    container: str
    codec: str
    rate_hz: int
    channels: int
    antiphase: bool
    source_samples: int
    trimmed_start_samples: int
    trimmed_end_samples: int
    gain_db: float


class Uploads:
    """Takes uploads.

    Args:
        sandbox: with the module ``portevoix.audio.jobs`` in it.
        limits: of one upload.
        job_limits: what its decoding may use.
    """

    def __init__(
        self, sandbox: Sandbox, limits: AudioLimits | None = None, job_limits: JobLimits | None = None
    ) -> None:
        self._sandbox = sandbox
        self._limits = limits or AudioLimits()
        self._job_limits = job_limits or JobLimits()

    @property
    def most_bytes(self) -> int:
        """The size of a file at most."""
        return self._limits.upload_bytes

    @property
    def longest_s(self) -> int:
        """How long a file may play at most."""
        return self._limits.duration_s

    async def receive(self, data: bytes) -> Upload:
        """Decode, condition and encode one file.

        Raises:
            AudioEmpty, AudioUnsupported, AudioTooLarge, AudioTooLong, AudioBroken: it is refused.
            AudioUnavailable: the sandbox was lost in the middle of the work; the file is not at fault.
        """
        if not data:
            raise AudioEmpty("the file is empty")
        if len(data) > self._limits.upload_bytes:
            raise AudioTooLarge(f"the file has {len(data)} bytes; {self._limits.upload_bytes} is the most")
        try:
            reply = await self._sandbox.run(
                "audio.receive", {"duration_s": self._limits.duration_s}, data, self._job_limits
            )
        except JobRefused as refused:
            raise _REFUSALS.get(refused.code, AudioBroken)(refused.message) from refused
        except JobTimedOut as error:
            raise AudioTooLong("the file takes too long to decode") from error
        except (JobOutOfMemory, JobOutputTooLarge) as error:
            raise AudioTooLarge("the file takes too much memory to decode") from error
        except JobCrashed as error:
            raise AudioBroken("the file cannot be decoded") from error
        except SandboxLost as error:
            raise AudioUnavailable("the audio process stopped; try again") from error
        return _upload(msgspec.convert(reply.report, _Report), reply.body)


def _upload(report: _Report, alaw: bytes) -> Upload:
    return Upload(
        audio=TelephoneAudio(alaw),
        container=report.container,
        codec=report.codec,
        rate_hz=report.rate_hz,
        channels=report.channels,
        antiphase=report.antiphase,
        source_duration_s=Fraction(report.source_samples, RATE_HZ),
        trimmed_start_s=Fraction(report.trimmed_start_samples, RATE_HZ),
        trimmed_end_s=Fraction(report.trimmed_end_samples, RATE_HZ),
        gain_db=Fraction(round(report.gain_db * 10), 10),
    )
