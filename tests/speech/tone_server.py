"""A speech server that answers ``POST /v1/audio/speech`` with tones: one letter, one tone."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from dataclasses import dataclass, field
from typing import Any

import numpy as np

RATE_HZ = 24_000
_LETTER_S = 0.06


def tones(text: str, speed: float) -> bytes:
    """A WAV of tones between short silences, as a voice would be."""
    count = round(_LETTER_S * RATE_HZ / speed)
    pieces = [np.zeros(2_000)]
    for letter in text:
        hz = 400 + 37 * (ord(letter) % 64)
        pieces.append(9_000 * np.sin(2 * np.pi * hz * np.arange(count) / RATE_HZ))
    pieces.append(np.zeros(2_000))
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(np.concatenate(pieces).astype("<i2").tobytes())
    return target.getvalue()


@dataclass
class ToneServer:
    """Listens on a port of this machine; keeps what it was asked, and misbehaves when told to.

    Args:
        status: of its answers.
        body: instead of tones.
        release: until it is set, no answer is given.
    """

    status: int = 200
    body: bytes | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def __aenter__(self) -> ToneServer:
        self.release.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release.set()
        self._server.close()
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            assert head[0].startswith("POST /v1/audio/speech "), head[0]
            fields = (line.partition(": ") for line in head[1:] if line)
            headers = {key.lower(): value for key, _, value in fields}
            asked = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.headers.append(headers)
            self.asked.append(asked)
            self.arrived.set()
            await self.release.wait()
            body = tones(asked["input"], asked["speed"]) if self.body is None else self.body
            status = f"HTTP/1.1 {self.status} Told\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(status.encode() + body)
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()
