# SPDX-License-Identifier: MIT
"""One description of each request, which the sync and the async client share; no I/O here."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, TypeVar

import httpx2

from portevoix.client.answer import Answer
from portevoix.client.errors import ApiError, ConnectionFailed, TimedOut, UnexpectedAnswer, VoicePartnerError
from portevoix.client.key import ApiKey, KeyPlace

Result = TypeVar("Result")

#: How long to wait before a request that spends money is made a second and a third time, under the same key.
PAUSES_S: tuple[float, ...] = (0.3, 1.0)
#: How long a busy service may have it wait at most.
LONGEST_PAUSE_S = 5.0

_UNAVAILABLE = 503
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with a file in the field ``file``.

    Args:
        file: read in pieces while it is sent.
        filename: of the file's part.
        fields: the other fields.
    """

    file: BinaryIO
    filename: str
    fields: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Request(Generic[Result]):
    """One request, without the key.

    Args:
        path: without the key that it may end with.
        key: where the key goes.
        read: makes the result of an answer; raises ApiError, UnexpectedAnswer.
        query: added to the URL.
        body: sent as JSON.
        form: sent instead of JSON.
        accept: the type of answer that is asked for.
        headers: further ones.
        idempotency_key: under which a repeat changes nothing more, where the service keeps to it; empty for none.
        is_repeated: whether the request may be made again by itself. Without an idempotency key it never is.
        least_timeout_s: how long to wait for its answer at least, whatever the client was told.
    """

    method: str
    path: str
    key: KeyPlace
    read: Callable[[Answer], Result]
    query: Mapping[str, str] | None = None
    body: Mapping[str, object] | None = None
    form: Form | None = None
    accept: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    is_repeated: bool = False
    least_timeout_s: float = 0

    @property
    def pauses_s(self) -> tuple[float, ...]:
        """How long to wait before each further try."""
        return PAUSES_S if self.is_repeated and self.idempotency_key else ()

    def build(self, http: httpx2.Client | httpx2.AsyncClient, key: ApiKey) -> httpx2.Request:
        """Make the HTTP request, with the key."""
        path, body = self.path, self.body
        headers = dict(self.headers) | ({"Accept": self.accept} if self.accept else {})
        if self.idempotency_key:
            headers["Idempotency-Key"] = self.idempotency_key
        if self.key is KeyPlace.PATH:
            path = f"{path}/{key.segment()}"
        elif self.key is KeyPlace.SEGMENT:
            path = path.replace("{apiKey}", key.segment())
        elif self.key is KeyPlace.BODY:
            body = {"apiKey": key.text, **(body or {})}
        else:
            headers["Authorization"] = key.bearer()
        timeout = _at_least(self.least_timeout_s, http.timeout)
        if self.form is not None:
            part = (self.form.filename, self.form.file, "application/octet-stream")
            return http.build_request(
                self.method, path, headers=headers, data=self.form.fields, files={"file": part}, timeout=timeout
            )
        if body is None:
            return http.build_request(self.method, path, headers=headers, params=self.query, timeout=timeout)
        # Written here: the HTTP library's own JSON fails on half characters, which a command line can give.
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode("ascii")
        return http.build_request(self.method, path, headers=headers, content=content, timeout=timeout)

    def result(self, response: httpx2.Response, key: ApiKey) -> Result:
        """Make the result of what came back. Raises ApiError, UnexpectedAnswer."""
        return self.read(Answer(response.status_code, response.headers, key.cut_from(response.content)))


def _at_least(least_s: float, timeout: httpx2.Timeout) -> httpx2.Timeout:
    """Wait longer for an answer where that is needed; reaching the service takes no longer for it."""
    read_s = None if timeout.read is None else max(timeout.read, least_s)
    return httpx2.Timeout(connect=timeout.connect, read=read_s, write=timeout.write, pool=timeout.pool)


def parse_idempotency_key(given: str | None) -> str:
    """Check the idempotency key of a caller, or make one.

    Raises:
        ValueError: it is not 1 to 255 visible ASCII characters.
    """
    key = uuid.uuid4().hex if given is None else given
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise ValueError("an idempotency key is 1 to 255 visible ASCII characters")
    return key


def pause_before_repeat(fault: VoicePartnerError, pause_s: float) -> float:
    """Tell how long to wait before a request that failed is made again.

    Args:
        pause_s: at least.

    Raises:
        VoicePartnerError: the fault itself, where making it again is of no use.
    """
    if isinstance(fault, ApiError | UnexpectedAnswer) and fault.status != _UNAVAILABLE:
        raise fault
    asked_s = fault.retry_after if isinstance(fault, ApiError) and fault.retry_after is not None else 0
    return max(pause_s, min(asked_s, LONGEST_PAUSE_S))


@contextmanager
def told_failures() -> Iterator[None]:
    """Turn the HTTP library's errors into ours, without the URL, which may hold the key."""
    try:
        yield
    except httpx2.TimeoutException:
        raise TimedOut("the service did not answer in time") from None
    except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError) as problem:
        raise ConnectionFailed(f"the connection to the service broke: {type(problem).__name__}") from None
    except httpx2.HTTPError as problem:
        raise ConnectionFailed(f"the service could not be reached: {type(problem).__name__}") from None
    except ExceptionGroup:  # several addresses were tried at once, each in vain
        raise ConnectionFailed("the service could not be reached") from None
    except (httpx2.InvalidURL, UnicodeError, OverflowError):  # a host name or a port that none can have
        raise ConnectionFailed("the base URL is not a URL") from None
